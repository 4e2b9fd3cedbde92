#include "onnx/json_values.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "onnx/half.h"
#include "onnx/text.h"

namespace webpool::onnx {
namespace {

template <class T>
void append(T value, std::vector<std::byte>& out) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 40;
  return text.size() <= kShown ? std::string(text) : std::string(text.substr(0, kShown)) + "…";
}

template <class T>
std::string appendInteger(std::string_view digits, DataType type, std::vector<std::byte>& out) {
  T value{};
  const auto* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value);
  if (error == std::errc{} && end == last) {
    append(value, out);
    return {};
  }
  const bool isWhole = digits.find_first_of(".eE") == std::string_view::npos;
  return fmt::format("{} {} {}", shortened(digits),
                     isWhole ? "does not fit" : "is no whole number for", dataTypeName(type));
}

/// The nearest value of T; nullopt when it is too large. What is too small for T becomes its
/// nearest subnormal number or zero.
template <class T>
std::optional<T> parseFloat(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{}) return value;
  if constexpr (sizeof(T) < sizeof(double)) {
    const auto wide = parseFloat<double>(text);
    if (wide && std::abs(*wide) < 1) return static_cast<T>(*wide);
  }
  return std::nullopt;
}

/// Numbers, and the three values that JSON has no number for.
template <class T>
std::optional<T> floatOf(const JsonNodes& nodes, std::uint32_t node) {
  const auto text = nodes.text(node);
  if (nodes.kind(node) == JsonKind::Number) return parseFloat<T>(text);
  if (text == "NaN") return std::numeric_limits<T>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<T>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<T>::infinity();
  return std::nullopt;
}

std::string appendFloat(const JsonNodes& nodes, std::uint32_t node, DataType type,
                        std::vector<std::byte>& out) {
  const auto refuse = [&] {
    return fmt::format("{} does not fit {}", shortened(nodes.text(node)), dataTypeName(type));
  };
  if (type == DataType::Fp32 || type == DataType::Bf16) {
    const auto value = floatOf<float>(nodes, node);
    if (!value) return refuse();
    if (type == DataType::Fp32) {
      append(*value, out);
      return {};
    }
    const auto bits = toBfloat16(*value);
    if (std::isfinite(*value) && !std::isfinite(fromBfloat16(bits))) return refuse();
    append(bits, out);
    return {};
  }
  const auto value = floatOf<double>(nodes, node);
  if (!value) return refuse();
  if (type == DataType::Fp64) {
    append(*value, out);
    return {};
  }
  const auto bits = toHalf(*value);
  if (std::isfinite(*value) && !std::isfinite(fromHalf(bits))) return refuse();
  append(bits, out);
  return {};
}

bool isFloat(DataType type) {
  return type == DataType::Fp16 || type == DataType::Bf16 || type == DataType::Fp32 ||
         type == DataType::Fp64;
}

/// A float with the fewest digits that read back as the same value.
template <class T>
void appendNumber(T value, std::string& out) {
  std::array<char, 32> digits;
  const auto* const end = fmt::format_to(digits.data(), FMT_COMPILE("{}"), value);
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

template <class T>
void writeFloats(std::span<const std::byte> data, std::string& out, auto convert) {
  for (std::size_t at = 0; at < data.size(); at += sizeof(T)) {
    T raw;
    std::memcpy(&raw, data.data() + at, sizeof(raw));
    const auto value = convert(raw);
    if (at > 0) out.push_back(',');
    if (std::isnan(value)) {
      out += "\"NaN\"";
    } else if (std::isinf(value)) {
      out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    } else {
      appendNumber(value, out);
    }
  }
}

template <class T>
void writeIntegers(std::span<const std::byte> data, std::string& out) {
  for (std::size_t at = 0; at < data.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, data.data() + at, sizeof(value));
    if (at > 0) out.push_back(',');
    appendNumber(+value, out);
  }
}

Result<void> writeStrings(const Tensor& tensor, std::string& out) {
  const auto text = tensor.data.text();
  for (std::size_t at = 0; at < text.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, text.data() + at, sizeof(size));
    const auto element = text.substr(at + sizeof(size), size);
    if (!isUtf8(element)) {
      return fail(
          ErrorCategory::Unsupported,
          fmt::format("tensor '{}' holds bytes that are no UTF-8 text; JSON can't hold them",
                      tensor.name),
          "read it as a tensor through the C++ API");
    }
    if (at > 0) out.push_back(',');
    appendJsonString(element, out);
    at += sizeof(size) + size;
  }
  return {};
}

}  // namespace

void appendJsonString(std::string_view text, std::string& out) {
  const bool plain = std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == '\x7f';
  });
  if (!plain) {
    out += boost::json::serialize(boost::json::string(text));
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

std::string appendElement(const JsonNodes& nodes, std::uint32_t node, DataType type,
                          std::vector<std::byte>& out) {
  const auto kind = nodes.kind(node);
  const auto text = nodes.text(node);
  const auto refuse = [&] {
    return fmt::format("{} is no {}", shortened(text), dataTypeName(type));
  };
  if (type == DataType::Bytes) {
    if (!nodes.isString(node)) return refuse();
    append(static_cast<std::uint32_t>(text.size()), out);
    const auto bytes = std::as_bytes(std::span(text));
    out.insert(out.end(), bytes.begin(), bytes.end());
    return {};
  }
  if (type == DataType::Bool) {
    const bool isTrue = kind == JsonKind::True || (kind == JsonKind::Number && text == "1");
    const bool isFalse = kind == JsonKind::False || (kind == JsonKind::Number && text == "0");
    if (!isTrue && !isFalse) return refuse();
    out.push_back(isTrue ? std::byte{1} : std::byte{0});
    return {};
  }
  if (kind != JsonKind::Number && !(isFloat(type) && nodes.isString(node))) return refuse();
  switch (type) {
    case DataType::Uint8:
      return appendInteger<std::uint8_t>(text, type, out);
    case DataType::Uint16:
      return appendInteger<std::uint16_t>(text, type, out);
    case DataType::Uint32:
      return appendInteger<std::uint32_t>(text, type, out);
    case DataType::Uint64:
      return appendInteger<std::uint64_t>(text, type, out);
    case DataType::Int8:
      return appendInteger<std::int8_t>(text, type, out);
    case DataType::Int16:
      return appendInteger<std::int16_t>(text, type, out);
    case DataType::Int32:
      return appendInteger<std::int32_t>(text, type, out);
    case DataType::Int64:
      return appendInteger<std::int64_t>(text, type, out);
    default:
      return appendFloat(nodes, node, type, out);
  }
}

Result<void> appendValues(const Tensor& tensor, std::string& out) {
  const auto data = tensor.data.view();
  const auto same = [](auto value) { return value; };
  switch (tensor.type) {
    case DataType::Bool:
      for (std::size_t i = 0; i < data.size(); ++i) {
        if (i > 0) out.push_back(',');
        out += data[i] == std::byte{0} ? "false" : "true";
      }
      break;
    case DataType::Uint8:
      writeIntegers<std::uint8_t>(data, out);
      break;
    case DataType::Uint16:
      writeIntegers<std::uint16_t>(data, out);
      break;
    case DataType::Uint32:
      writeIntegers<std::uint32_t>(data, out);
      break;
    case DataType::Uint64:
      writeIntegers<std::uint64_t>(data, out);
      break;
    case DataType::Int8:
      writeIntegers<std::int8_t>(data, out);
      break;
    case DataType::Int16:
      writeIntegers<std::int16_t>(data, out);
      break;
    case DataType::Int32:
      writeIntegers<std::int32_t>(data, out);
      break;
    case DataType::Int64:
      writeIntegers<std::int64_t>(data, out);
      break;
    case DataType::Fp16:
      writeFloats<std::uint16_t>(data, out, fromHalf);
      break;
    case DataType::Bf16:
      writeFloats<std::uint16_t>(data, out, fromBfloat16);
      break;
    case DataType::Fp32:
      writeFloats<float>(data, out, same);
      break;
    case DataType::Fp64:
      writeFloats<double>(data, out, same);
      break;
    case DataType::Bytes:
      return writeStrings(tensor, out);
  }
  return {};
}

}  // namespace webpool::onnx
