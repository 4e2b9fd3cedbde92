#include "onnx/json_nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

namespace webpool::onnx {

namespace json = boost::json;

/// Boost.JSON's event handler; true means go on.
struct JsonNodesBuilder {
  static constexpr std::size_t max_object_size = ~std::size_t{0};  // names are Boost.JSON's
  static constexpr std::size_t max_array_size = ~std::size_t{0};
  static constexpr std::size_t max_key_size = ~std::size_t{0};
  static constexpr std::size_t max_string_size = ~std::size_t{0};

  JsonNodes out;
  std::vector<std::uint32_t> open;
  std::string pending;

  /// So that a short text is read without moving its nodes again and again.
  void reserve(std::size_t textSize) {
    constexpr std::size_t kFew = 64;
    out.nodes_.reserve(std::min(textSize / 2 + 1, kFew));
    open.reserve(8);
  }
  void add(JsonKind kind, std::size_t offset, std::size_t size) {
    out.nodes_.push_back(
        {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(size), kind});
  }
  bool begin(JsonKind kind) {
    open.push_back(static_cast<std::uint32_t>(out.nodes_.size()));
    add(kind, 0, 0);
    return true;
  }
  bool end() {
    out.nodes_[open.back()].size = static_cast<std::uint32_t>(out.nodes_.size());
    open.pop_back();
    return true;
  }
  bool part(std::string_view text) {
    pending.append(text);
    return true;
  }
  bool string(std::string_view last) {
    const auto* first = out.text_.data();
    if (pending.empty() && last.data() >= first && last.data() < first + out.text_.size()) {
      add(JsonKind::String, static_cast<std::size_t>(last.data() - first), last.size());
      return true;
    }
    add(JsonKind::StoredString, out.strings_.size(), 0);
    out.strings_.push_back(std::exchange(pending, {}).append(last));
    return true;
  }
  bool number(std::string_view digits) {
    add(JsonKind::Number, static_cast<std::size_t>(digits.data() - out.text_.data()),
        digits.size());
    return true;
  }
  bool literal(JsonKind kind) {
    add(kind, 0, 0);
    return true;
  }

  using Error = boost::system::error_code;
  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return begin(JsonKind::Object); }
  bool on_object_end(std::size_t, Error&) { return end(); }
  bool on_array_begin(Error&) { return begin(JsonKind::Array); }
  bool on_array_end(std::size_t, Error&) { return end(); }
  bool on_key_part(json::string_view text, std::size_t, Error&) { return part(text); }
  bool on_key(json::string_view text, std::size_t, Error&) { return string(text); }
  bool on_string_part(json::string_view text, std::size_t, Error&) { return part(text); }
  bool on_string(json::string_view text, std::size_t, Error&) { return string(text); }
  // The whole text is one buffer, so a number never comes in parts unless the text ends inside it.
  bool on_number_part(json::string_view, Error& error) {
    error = json::make_error_code(json::error::incomplete);
    return false;
  }
  bool on_int64(std::int64_t, json::string_view text, Error&) { return number(text); }
  bool on_uint64(std::uint64_t, json::string_view text, Error&) { return number(text); }
  bool on_double(double, json::string_view text, Error&) { return number(text); }
  bool on_bool(bool value, Error&) { return literal(value ? JsonKind::True : JsonKind::False); }
  bool on_null(Error&) { return literal(JsonKind::Null); }
  bool on_comment_part(json::string_view, Error&) { return true; }
  bool on_comment(json::string_view, Error&) { return true; }
};

namespace {

constexpr std::size_t kMaxText = std::size_t{256} << 20;
constexpr std::size_t kMaxDepth = 36;

}  // namespace

Result<JsonNodes> JsonNodes::parse(std::string_view text) {
  if (text.size() > kMaxText) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("{} bytes of JSON are too much (256 MiB)", text.size()),
                "give large tensors as .npz");
  }
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<JsonNodesBuilder> parser(options);
  parser.handler().reserve(text.size());
  parser.handler().out.text_ = text;
  boost::system::error_code error;
  const auto used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = json::make_error_code(json::error::extra_data);
  if (error) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("no valid JSON at byte {}: {}", used, error.message()),
                "check the text with a JSON tool");
  }
  return std::move(parser.handler().out);
}

std::string_view JsonNodes::text(std::uint32_t node) const {
  const auto& entry = nodes_[node];
  switch (entry.kind) {
    case JsonKind::Null:
      return "null";
    case JsonKind::False:
      return "false";
    case JsonKind::True:
      return "true";
    case JsonKind::Array:
      return "a list";
    case JsonKind::Object:
      return "an object";
    case JsonKind::StoredString:
      return strings_[entry.offset];
    default:
      return text_.substr(entry.offset, entry.size);
  }
}

std::uint32_t JsonNodes::find(std::uint32_t node, std::string_view key) const {
  std::uint32_t found = 0;
  if (kind(node) != JsonKind::Object) return found;
  const auto end = next(node);
  for (auto at = node + 1; at < end;) {
    const auto value = at + 1;
    if (text(at) == key) found = value;
    at = next(value);
  }
  return found;
}

}  // namespace webpool::onnx
