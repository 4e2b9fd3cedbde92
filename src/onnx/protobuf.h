// The two conversions that every reader of protozero views needs.
#pragma once

#include <protozero/pbf_reader.hpp>
#include <protozero/types.hpp>
#include <string_view>

namespace webpool::onnx {

inline std::string_view toText(protozero::data_view view) {
  return {view.data(), view.size()};
}

/// A switch label: field `tag` in wire type length-delimited, varint, …
constexpr std::uint32_t lengthField(std::uint32_t tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::length_delimited);
}
constexpr std::uint32_t varintField(std::uint32_t tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::varint);
}
constexpr std::uint32_t fixed32Field(std::uint32_t tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::fixed32);
}
constexpr std::uint32_t fixed64Field(std::uint32_t tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::fixed64);
}

inline protozero::pbf_reader readerOf(std::string_view bytes) {
  return protozero::pbf_reader{bytes.data(), bytes.size()};
}

}  // namespace webpool::onnx
