// ONNX's element types (TensorProto.DataType) and which of them webpool's tensors can hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "webpool/tensor.h"

namespace webpool::onnx {

struct ElementType {
  std::int32_t id = 0;             ///< number in TensorProto.DataType
  std::string_view name;           ///< ONNX's name, "FLOAT16"
  std::uint32_t bits = 0;          ///< of an element in raw_data; 0 for strings
  std::optional<DataType> tensor;  ///< nullopt: no tensor type of webpool holds it
};

inline constexpr std::int32_t kFloat16 = 10;

/// nullptr for 0 (undefined) and for ids that this build doesn't know.
const ElementType* findElementType(std::int64_t id) noexcept;

/// ONNX's id of a tensor type.
std::int32_t elementTypeId(DataType type) noexcept;

}  // namespace webpool::onnx
