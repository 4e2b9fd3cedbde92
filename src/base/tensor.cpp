#include "webpool/tensor.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <iterator>
#include <utility>

namespace webpool {
namespace {

struct TypeInfo {
  DataType type;
  std::string_view name;
  std::size_t size;
};

constexpr std::array kTypes{
    TypeInfo{DataType::Bool, "BOOL", 1},     TypeInfo{DataType::Uint8, "UINT8", 1},
    TypeInfo{DataType::Uint16, "UINT16", 2}, TypeInfo{DataType::Uint32, "UINT32", 4},
    TypeInfo{DataType::Uint64, "UINT64", 8}, TypeInfo{DataType::Int8, "INT8", 1},
    TypeInfo{DataType::Int16, "INT16", 2},   TypeInfo{DataType::Int32, "INT32", 4},
    TypeInfo{DataType::Int64, "INT64", 8},   TypeInfo{DataType::Fp16, "FP16", 2},
    TypeInfo{DataType::Bf16, "BF16", 2},     TypeInfo{DataType::Fp32, "FP32", 4},
    TypeInfo{DataType::Fp64, "FP64", 8},     TypeInfo{DataType::Bytes, "BYTES", 0},
};

Result<void> validateStrings(const Tensor& tensor, std::uint64_t count) {
  const auto view = tensor.data.view();
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    if (view.size() - at < sizeof(length)) {
      return fail(
          ErrorCategory::InvalidInput,
          fmt::format("tensor '{}': element {} of {} has no length", tensor.name, i, count));
    }
    std::memcpy(&length, view.data() + at, sizeof(length));
    at += sizeof(length);
    if (view.size() - at < length) {
      return fail(ErrorCategory::InvalidInput,
                  fmt::format("tensor '{}': element {} claims {} bytes, {} are left", tensor.name,
                              i, length, view.size() - at));
    }
    at += length;
  }
  if (at != view.size()) {
    return fail(
        ErrorCategory::InvalidInput,
        fmt::format("tensor '{}': {} bytes after its last element", tensor.name, view.size() - at));
  }
  return {};
}

}  // namespace

Bytes Bytes::copyOf(std::span<const std::byte> source) {
  return adopt(std::vector<std::byte>(source.begin(), source.end()));
}

Bytes Bytes::copyOf(std::string_view source) {
  return adopt(std::string(source));
}

Bytes Bytes::adopt(std::vector<std::byte> source) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(source));
  const std::span<const std::byte> view(*owner);
  return {std::move(owner), view};
}

Bytes Bytes::adopt(std::string source) {
  auto owner = std::make_shared<const std::string>(std::move(source));
  const auto view = std::as_bytes(std::span(owner->data(), owner->size()));
  return {std::move(owner), view};
}

std::string_view Bytes::text() const noexcept {
  return {reinterpret_cast<const char*>(view_.data()), view_.size()};
}

Bytes Bytes::slice(std::size_t offset, std::size_t length) const {
  offset = std::min(offset, view_.size());
  return {owner_, view_.subspan(offset, std::min(length, view_.size() - offset))};
}

std::string_view dataTypeName(DataType type) noexcept {
  for (const auto& entry : kTypes) {
    if (entry.type == type) return entry.name;
  }
  return "UNKNOWN";
}

std::optional<DataType> dataTypeFromName(std::string_view name) noexcept {
  for (const auto& entry : kTypes) {
    if (entry.name == name) return entry.type;
  }
  return std::nullopt;
}

std::size_t elementSize(DataType type) noexcept {
  for (const auto& entry : kTypes) {
    if (entry.type == type) return entry.size;
  }
  return 0;
}

std::optional<std::uint64_t> elementCount(const Shape& shape) noexcept {
  std::uint64_t count = 1;
  for (const auto dimension : shape) {
    if (dimension < 0) return std::nullopt;
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(dimension), &count)) {
      return std::nullopt;
    }
  }
  return count;
}

std::string shapeText(const Shape& shape) {
  std::string text = "[";
  for (const auto dimension : shape) {
    if (text.size() > 1) text += ", ";
    fmt::format_to(std::back_inserter(text), FMT_COMPILE("{}"), dimension);
  }
  text += ']';
  return text;
}

Result<void> Tensor::validate() const {
  const auto count = elementCount(shape);
  if (!count) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("tensor '{}': impossible shape {}", name, shapeText(shape)));
  }
  if (type == DataType::Bytes) return validateStrings(*this, *count);
  std::uint64_t expected = 0;
  if (__builtin_mul_overflow(*count, elementSize(type), &expected) || expected != data.size()) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("tensor '{}': {} {} needs {} bytes, got {}", name, dataTypeName(type),
                            shapeText(shape), expected, data.size()));
  }
  return {};
}

}  // namespace webpool
