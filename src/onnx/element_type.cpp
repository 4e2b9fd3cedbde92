#include "onnx/element_type.h"

#include <array>

namespace webpool::onnx {
namespace {

constexpr std::array kTypes{
    ElementType{1, "FLOAT", 32, DataType::Fp32},
    ElementType{2, "UINT8", 8, DataType::Uint8},
    ElementType{3, "INT8", 8, DataType::Int8},
    ElementType{4, "UINT16", 16, DataType::Uint16},
    ElementType{5, "INT16", 16, DataType::Int16},
    ElementType{6, "INT32", 32, DataType::Int32},
    ElementType{7, "INT64", 64, DataType::Int64},
    ElementType{8, "STRING", 0, DataType::Bytes},
    ElementType{9, "BOOL", 8, DataType::Bool},
    ElementType{kFloat16, "FLOAT16", 16, DataType::Fp16},
    ElementType{11, "DOUBLE", 64, DataType::Fp64},
    ElementType{12, "UINT32", 32, DataType::Uint32},
    ElementType{13, "UINT64", 64, DataType::Uint64},
    ElementType{14, "COMPLEX64", 64, std::nullopt},
    ElementType{15, "COMPLEX128", 128, std::nullopt},
    ElementType{16, "BFLOAT16", 16, DataType::Bf16},
    ElementType{17, "FLOAT8E4M3FN", 8, std::nullopt},
    ElementType{18, "FLOAT8E4M3FNUZ", 8, std::nullopt},
    ElementType{19, "FLOAT8E5M2", 8, std::nullopt},
    ElementType{20, "FLOAT8E5M2FNUZ", 8, std::nullopt},
    ElementType{21, "UINT4", 4, std::nullopt},
    ElementType{22, "INT4", 4, std::nullopt},
    ElementType{23, "FLOAT4E2M1", 4, std::nullopt},
    ElementType{24, "FLOAT8E8M0", 8, std::nullopt},
    ElementType{25, "UINT2", 2, std::nullopt},
    ElementType{26, "INT2", 2, std::nullopt},
};

}  // namespace

const ElementType* findElementType(std::int64_t id) noexcept {
  for (const auto& type : kTypes) {
    if (type.id == id) return &type;
  }
  return nullptr;
}

std::int32_t elementTypeId(DataType type) noexcept {
  for (const auto& entry : kTypes) {
    if (entry.tensor == type) return entry.id;
  }
  return 0;
}

}  // namespace webpool::onnx
