#include "pool/backend_choice.h"

#include <fmt/format.h>

#include <algorithm>

namespace webpool::pool {
namespace {

Result<Backend> checkWebGpu(bool usesFp16, const BrowserCapabilities& browser) {
  if (!browser.webgpu) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("{} {} gave no WebGPU adapter", browser.browser, browser.version),
                "use WebAssembly (wasm, or cpu), or another browser");
  }
  if (usesFp16 && !browser.webgpu->shaderF16) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("the model computes in fp16, and the WebGPU adapter {} of {} {} lacks "
                            "shader-f16",
                            browser.webgpu->label(), browser.browser, browser.version),
                "use weights of 32 bits (fp32), or WebAssembly (wasm, or cpu)");
  }
  return Backend::WebGpu;
}

}  // namespace

Result<Backend> chooseBackend(Backend asked, bool usesFp16, const BrowserCapabilities& browser) {
  switch (asked) {
    case Backend::Wasm:
      return Backend::Wasm;
    case Backend::WebGpu:
      return checkWebGpu(usesFp16, browser);
    case Backend::WebNn:
      if (browser.webnn.empty()) {
        return fail(ErrorCategory::Unsupported,
                    fmt::format("{} {} has no WebNN", browser.browser, browser.version),
                    "use WebAssembly (wasm, or cpu) or webgpu, or a browser with WebNN");
      }
      return Backend::WebNn;
    case Backend::Auto:
      break;
  }
  const bool hardware = browser.webgpu && !browser.webgpu->software;
  return hardware && checkWebGpu(usesFp16, browser) ? Backend::WebGpu : Backend::Wasm;
}

unsigned chooseThreads(unsigned asked, const BrowserCapabilities& browser, unsigned machineCores) {
  if (!browser.wasmThreads || !browser.crossOriginIsolated) return 1;
  if (asked > 0) return asked;
  const auto cores = std::min(browser.cores, machineCores);  // WebKit does not tell the truth
  return cores <= 2 ? 1 : std::min(4U, cores / 2);
}

}  // namespace webpool::pool
