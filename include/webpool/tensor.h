// A tensor is laid out once, in the layout of the Open Inference Protocol's binary extension:
// row-major, little-endian, no padding between elements. It travels from the caller to the browser
// and back in that layout, without copies where the platform allows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webpool/error.h"

namespace webpool {

/// Immutable bytes with shared ownership: copying shares, slicing shares. Thread-safe to share.
class Bytes {
 public:
  Bytes() = default;
  Bytes(std::shared_ptr<const void> owner, std::span<const std::byte> view)
      : owner_(std::move(owner)), view_(view) {}

  static Bytes copyOf(std::span<const std::byte> source);
  static Bytes copyOf(std::string_view source);
  static Bytes adopt(std::vector<std::byte> source);
  static Bytes adopt(std::string source);

  std::span<const std::byte> view() const noexcept { return view_; }
  const std::byte* data() const noexcept { return view_.data(); }
  std::size_t size() const noexcept { return view_.size(); }
  bool empty() const noexcept { return view_.empty(); }
  std::string_view text() const noexcept;

  /// [offset, offset + length) of the same memory; clamped to the end.
  Bytes slice(std::size_t offset, std::size_t length) const;

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> view_;
};

/// The data types of the Open Inference Protocol v2.
enum class DataType {
  Bool,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Int8,
  Int16,
  Int32,
  Int64,
  Fp16,
  Bf16,
  Fp32,
  Fp64,
  Bytes,  ///< strings: each element is u32 little-endian length + that many bytes
};

/// The protocol's name: "FP32", "INT64", "BYTES", …
std::string_view dataTypeName(DataType type) noexcept;
std::optional<DataType> dataTypeFromName(std::string_view name) noexcept;

/// Bytes per element; 0 for DataType::Bytes, whose elements vary.
std::size_t elementSize(DataType type) noexcept;

/// Row-major dimensions; a scalar has none.
using Shape = std::vector<std::int64_t>;

/// Product of the dimensions (1 for a scalar); nullopt when one is negative or it overflows.
std::optional<std::uint64_t> elementCount(const Shape& shape) noexcept;

/// "[1, 384]"
std::string shapeText(const Shape& shape);

struct Tensor {
  std::string name;
  DataType type = DataType::Fp32;
  Shape shape;
  Bytes data;

  /// Checks that shape and type account for exactly data.size() bytes (for Bytes: that the length
  /// prefixes do).
  Result<void> validate() const;

  /// The elements as T (sizeof(T) == elementSize(type)); data must be aligned for T.
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }

  /// A tensor that owns a copy of the values.
  template <class T>
  static Tensor of(std::string name, DataType type, Shape shape, std::span<const T> values) {
    return {std::move(name), type, std::move(shape), Bytes::copyOf(std::as_bytes(values))};
  }
};

}  // namespace webpool
