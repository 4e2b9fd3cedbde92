// Bits of weights as a caller asks for them, and the dtypes of files that have so many. Pure.
#pragma once

#include <string>
#include <vector>

#include "onnx/model.h"
#include "webpool/error.h"

namespace webpool::pool {

/// Best first; an empty name, the model's default, for 0 bits. `mixed`: 4-bit weights with
/// activations in 16 (of other bits it says nothing). InvalidArgument: other bits than 32, 16,
/// 8, 4.
Result<std::vector<std::string>> dtypesFor(unsigned bits, bool mixed);

/// Bits below those of that dtype, the next lower first: of "fp32" 16, 8 and 4. None for a dtype
/// that has no name of ours.
std::vector<unsigned> lowerPrecisions(const std::string& dtype);

/// The dtype that runs: the one that the file's name tells, or, where it tells none (which stands
/// for "fp32") and most bytes of the weights are FLOAT16, "fp16".
std::string dtypeThatRuns(const std::string& named, const onnx::ModelInfo& graph);

}  // namespace webpool::pool
