// Reads the values of a GGUF header one after another; every length is checked against what is left
// before anything is made of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "webpool/error.h"

namespace webpool::gguf {

/// Metadata's types, by their numbers in the file.
enum class ValueType : std::uint32_t {
  Uint8 = 0,
  Int8 = 1,
  Uint16 = 2,
  Int16 = 3,
  Uint32 = 4,
  Int32 = 5,
  Float32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  Uint64 = 10,
  Int64 = 11,
  Float64 = 12,
};

/// After the first value that is not there every further one is zero or empty, and failed() says
/// so. Little-endian, as the platforms that this runs on.
class HeaderReader {
 public:
  explicit HeaderReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  T number() {
    T value{};
    if (!has(sizeof(T))) return value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  /// u64 length and bytes; a view of the file.
  std::string_view text();
  /// Steps over a value of that type; false for a type that is none.
  bool skip(ValueType type);
  /// Of any integer type; false (and nothing read) for another.
  bool integer(ValueType type, std::uint64_t& value);
  /// The element type and count of an array, which fit into what is left.
  std::pair<ValueType, std::uint64_t> arrayHead();

  std::uint64_t at() const noexcept { return at_; }
  std::uint64_t left() const noexcept { return bytes_.size() - at_; }
  bool failed() const noexcept { return failed_; }

 private:
  bool has(std::uint64_t count);

  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
  bool failed_ = false;
};

}  // namespace webpool::gguf
