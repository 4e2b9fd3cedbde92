// Inputs for a model of which nobody has given any: made from its signature and a seed, so that two
// backends can be compared before the first call. Pure; the same numbers on every machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "onnx/model.h"
#include "webpool/error.h"
#include "webpool/tensor.h"

namespace webpool::pool {

/// Of the dimensions that the model leaves free. Backends choose other code for larger ones: ONNX
/// Runtime computes attention in another way from 32 tokens on.
enum class SeededSize {
  Small,   ///< 8 tokens, pictures of 64 x 64, 512 samples of sound
  Larger,  ///< 40 tokens, pictures of 96 x 96, 1024 samples
};

/// True where both sizes are the same.
bool hasFixedShapes(std::span<const onnx::Port> ports);

/// One tensor a port, which together fit the signature:
/// - A free dimension takes its size from its name ("batch" is 1, "height" a picture's, "a + b" the
///   sum), else from its place; one name has one size in all inputs.
/// - Floats are bell-shaped noise in (−2, 2). Integers and BOOL are 0 or 1, which is a token, a
///   class and an index in any model. By the input's name masks are all 1, token types all 0,
///   positions count from 0, lengths and sizes are 1, a sample rate is 16000; UINT8 of three or
///   more dimensions is a picture with all values.
/// Unsupported, with the cause, for text, for an input without a shape, and beyond 4 Mi values.
Result<std::vector<Tensor>> seededInputs(std::span<const onnx::Port> ports, std::uint64_t seed,
                                         SeededSize size);

}  // namespace webpool::pool
