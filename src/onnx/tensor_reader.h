// Measures one TensorProto (an initializer or a Constant's value) without touching its elements.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "onnx/element_type.h"
#include "webpool/error.h"

namespace webpool::onnx {

struct WeightInfo {
  std::string_view name;  ///< a view into the model's bytes
  ElementType type;
  std::uint64_t bytes = 0;    ///< of its elements
  std::string_view location;  ///< of external data, else empty; checked to stay in the folder
  std::uint64_t offset = 0;   ///< in the external file
};

/// InvalidModel when type, dimensions and data don't agree. May throw protozero::exception for
/// bytes that are no protobuf.
Result<WeightInfo> readWeight(std::string_view tensorProto);

}  // namespace webpool::onnx
