// Tells a person what a file is that is not the model it was taken for.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace webpool::onnx {

struct Looks {
  std::string what;  ///< "an HTML page"; empty when nothing is recognised
  std::string hint;  ///< the next step
};

/// Judges by the first bytes.
Looks looksLike(std::span<const std::byte> bytes);

}  // namespace webpool::onnx
