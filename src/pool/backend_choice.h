// Which backend a model is loaded on. Pure: capabilities in, choice out.
#pragma once

#include "webpool/options.h"
#include "webpool/pool.h"

namespace webpool::pool {

/// An explicit backend is kept or refused (Unsupported, with the cause), never replaced. Auto takes
/// WebGPU on a hardware adapter that can run the model, else WASM: a software adapter computes on
/// the same cores as WASM, and measured 50 to 100 times slower.
Result<Backend> chooseBackend(Backend asked, bool usesFp16, const BrowserCapabilities& browser);

/// WASM threads per model: what was asked for, else 1 on up to two cores, and half the cores but at
/// most 4 on more (ONNX Runtime's own rule); always 1 where the page has no WASM threads.
unsigned chooseThreads(unsigned asked, const BrowserCapabilities& browser, unsigned machineCores);

}  // namespace webpool::pool
