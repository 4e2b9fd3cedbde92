// Does a backend's answer agree with the reference? Runtimes differ in the last digits, so bytes
// are never compared; some combinations of model and driver are plainly wrong and throw nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "webpool/tensor.h"

namespace webpool::pool {

struct Agreement {
  bool agrees = false;
  /// The largest ‖a − r‖ / ‖r‖ over the float outputs: unlike a cosine it sees a wrong scale and a
  /// wrong single number.
  double relativeError = 0;
  double tolerance = 0;
  std::string worst;  ///< the output it was measured on
};

/// The relative error that correct runtimes stay under, by dtype (measured spread: fp32 under
/// 0.001; q4 on WebGPU up to 0.072; int8, whose activations are quantised on the fly, 0.19).
double toleranceFor(std::string_view dtype);

/// Compares outputs of the same names. Float tensors by relative error, others element by element.
/// Missing outputs, other shapes or types, and NaN or infinity only on one side do not agree.
Agreement compareOutputs(std::span<const Tensor> answer, std::span<const Tensor> reference,
                         std::string_view dtype);

}  // namespace webpool::pool
