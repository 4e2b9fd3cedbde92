#include "pool/convert.h"

namespace webpool::pool {
namespace {

std::optional<unsigned> lanes(const std::optional<std::uint64_t>& size) {
  constexpr std::uint64_t kMostLanes = 1024;
  if (!size || *size > kMostLanes) return std::nullopt;
  return static_cast<unsigned>(*size);
}

AdapterInfo toPublic(const wire::WebGpuInfo& gpu) {
  return {.vendor = gpu.vendor,
          .architecture = gpu.architecture,
          .device = gpu.device,
          .description = gpu.description,
          .software = gpu.software,
          .shaderF16 = gpu.shaderF16,
          .maxBufferSize = gpu.maxBufferSize,
          .maxStorageBufferBindingSize = gpu.maxStorageBufferBindingSize,
          .maxComputeWorkgroupStorageSize = gpu.maxComputeWorkgroupStorageSize,
          .maxComputeInvocationsPerWorkgroup = gpu.maxComputeInvocationsPerWorkgroup,
          .features = gpu.features,
          .subgroupMinSize = lanes(gpu.subgroupMinSize),
          .subgroupMaxSize = lanes(gpu.subgroupMaxSize)};
}

}  // namespace

BrowserCapabilities toPublic(const wire::Capabilities& capabilities, const std::string& browser,
                             const std::string& version) {
  BrowserCapabilities result;
  result.browser = browser.empty() ? capabilities.browser.brand : browser;
  result.version = version.empty() ? capabilities.browser.version : version;
  result.userAgent = capabilities.browser.userAgent;
  result.crossOriginIsolated = capabilities.crossOriginIsolated;
  result.cores = static_cast<unsigned>(capabilities.cores);
  result.coresTrusted = capabilities.coresTrusted;
  result.memoryGib = capabilities.memoryGib;
  result.wasmSimd = capabilities.wasmSimd;
  result.wasmThreads = capabilities.wasmThreads;
  result.wasmRelaxedSimd = capabilities.wasmRelaxedSimd;
  if (capabilities.webgpu) result.webgpu = toPublic(*capabilities.webgpu);
  for (const auto& context : capabilities.webnn) {
    if (!context.ok) continue;
    result.webnn.push_back(context.deviceType);
    result.webnnContexts.push_back({context.deviceType, context.runsOn, context.matmulMs});
  }
  result.opfs = capabilities.opfs;
  result.workers = capabilities.workers;
  return result;
}

PartialAnswer toPublic(const wire::Partial& partial) {
  PartialAnswer answer;
  const auto* text = partial.data.if_contains("text");
  if (text != nullptr && text->is_string()) answer.text = std::string(text->get_string());
  const auto* tokens = partial.data.if_contains("tokens");
  if (tokens == nullptr || !tokens->is_array()) return answer;
  for (const auto& token : tokens->get_array()) {
    if (token.is_int64()) answer.tokens.push_back(token.get_int64());
  }
  return answer;
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
