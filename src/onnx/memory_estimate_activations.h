// How much a run holds between its nodes, as far as the model states shapes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "webpool/error.h"

namespace webpool::onnx {

struct ActivationSize {
  /// Of the values whose shapes are known: the most that live at once, from the node that makes
  /// each to the last that reads it, nodes in the file's order; inputs and outputs live throughout.
  std::uint64_t bytes = 0;
  /// Values of the main graph left out: no shape, a free dimension without a size, or strings.
  std::uint64_t unknownValues = 0;
};

/// Sizes of named free dimensions: {"batch", 1}, {"sequence", 128}.
using DimensionSizes = std::map<std::string, std::int64_t, std::less<>>;

/// Reads the model's bytes again; nothing in the result refers to them. InvalidModel for bytes that
/// are no model. What subgraphs hold inside is not counted.
Result<ActivationSize> activationSize(std::span<const std::byte> model,
                                      const DimensionSizes& dimensions);

}  // namespace webpool::onnx
