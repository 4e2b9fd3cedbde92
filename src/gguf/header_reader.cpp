#include "gguf/header_reader.h"

#include <utility>

namespace webpool::gguf {
namespace {

/// Bytes of a value of fixed size; 0 for texts, arrays and what is no type.
std::uint64_t sizeOf(ValueType type) {
  switch (type) {
    case ValueType::Uint8:
    case ValueType::Int8:
    case ValueType::Bool:
      return 1;
    case ValueType::Uint16:
    case ValueType::Int16:
      return 2;
    case ValueType::Uint32:
    case ValueType::Int32:
    case ValueType::Float32:
      return 4;
    case ValueType::Uint64:
    case ValueType::Int64:
    case ValueType::Float64:
      return 8;
    case ValueType::String:
    case ValueType::Array:
      break;
  }
  return 0;
}

}  // namespace

bool HeaderReader::has(std::uint64_t count) {
  if (count <= left()) return true;
  failed_ = true;
  at_ = bytes_.size();
  return false;
}

std::string_view HeaderReader::text() {
  const auto length = number<std::uint64_t>();
  if (!has(length)) return {};
  const std::string_view view(reinterpret_cast<const char*>(bytes_.data() + at_), length);
  at_ += length;
  return view;
}

std::pair<ValueType, std::uint64_t> HeaderReader::arrayHead() {
  const auto type = static_cast<ValueType>(number<std::uint32_t>());
  const auto count = number<std::uint64_t>();
  // A text takes its length at least.
  const auto least = type == ValueType::String ? 8 : sizeOf(type);
  if (least > 0 && count > left() / least) has(left() + 1);
  return {type, failed_ ? 0 : count};
}

bool HeaderReader::skip(ValueType type) {
  if (type == ValueType::String) {
    text();
    return true;
  }
  if (type == ValueType::Array) {
    const auto [element, count] = arrayHead();
    if (failed_) return true;
    if (const auto size = sizeOf(element)) {
      at_ += size * count;  // arrayHead() has checked it
      return true;
    }
    if (element != ValueType::String) return false;
    for (std::uint64_t i = 0; i < count && !failed_; ++i) text();
    return true;
  }
  const auto size = sizeOf(type);
  if (size == 0) return false;
  if (has(size)) at_ += size;
  return true;
}

bool HeaderReader::integer(ValueType type, std::uint64_t& value) {
  switch (type) {
    case ValueType::Uint8:
    case ValueType::Bool:
      value = number<std::uint8_t>();
      return true;
    case ValueType::Uint16:
      value = number<std::uint16_t>();
      return true;
    case ValueType::Uint32:
      value = number<std::uint32_t>();
      return true;
    case ValueType::Uint64:
      value = number<std::uint64_t>();
      return true;
    // A negative size is none: it becomes too large for any check.
    case ValueType::Int8:
      value = static_cast<std::uint64_t>(std::int64_t{number<std::int8_t>()});
      return true;
    case ValueType::Int16:
      value = static_cast<std::uint64_t>(std::int64_t{number<std::int16_t>()});
      return true;
    case ValueType::Int32:
      value = static_cast<std::uint64_t>(std::int64_t{number<std::int32_t>()});
      return true;
    case ValueType::Int64:
      value = static_cast<std::uint64_t>(number<std::int64_t>());
      return true;
    default:
      return false;
  }
}

}  // namespace webpool::gguf
