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

/// The relative error that correct runtimes stay under, by dtype; docs/benchmarks.md has the
/// measured spread.
double toleranceFor(std::string_view dtype);

/// Compares outputs of the same names. Float tensors by relative error, others element by element.
/// Missing outputs, other shapes or types, and NaN or infinity only on one side do not agree.
Agreement compareOutputs(std::span<const Tensor> answer, std::span<const Tensor> reference,
                         std::string_view dtype);

/// False where agreeing with it would prove nothing: all zeros, or not a number among numbers.
bool saysSomething(std::span<const Tensor> outputs);

}  // namespace webpool::pool
