#include "pool/convert.h"

namespace webpool::pool {

BrowserCapabilities toPublic(const wire::Capabilities& capabilities, const std::string& browser,
                             const std::string& version) {
  BrowserCapabilities result;
  result.browser = browser.empty() ? capabilities.browser.brand : browser;
  result.version = version.empty() ? capabilities.browser.version : version;
  result.userAgent = capabilities.browser.userAgent;
  result.crossOriginIsolated = capabilities.crossOriginIsolated;
  result.cores = static_cast<unsigned>(capabilities.cores);
  result.memoryGib = capabilities.memoryGib;
  result.wasmSimd = capabilities.wasmSimd;
  result.wasmThreads = capabilities.wasmThreads;
  if (const auto& gpu = capabilities.webgpu) {
    result.webgpu = AdapterInfo{
        gpu->vendor,   gpu->architecture, gpu->device,        gpu->description,
        gpu->software, gpu->shaderF16,    gpu->maxBufferSize, gpu->maxStorageBufferBindingSize};
  }
  for (const auto& context : capabilities.webnn) {
    if (context.ok) result.webnn.push_back(context.deviceType);
  }
  result.opfs = capabilities.opfs;
  return result;
}

wire::Backend toWire(Backend backend) {
  switch (backend) {
    case Backend::WebGpu:
      return wire::Backend::WebGpu;
    case Backend::WebNn:
      return wire::Backend::WebNn;
    default:
      return wire::Backend::Wasm;
  }
}

}  // namespace webpool::pool
