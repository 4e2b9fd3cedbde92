#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "cid/dag_pb.h"
#include "cid/ipld.h"
#include "cid/multibase.h"

namespace webpool::cid {
namespace {

namespace json = boost::json;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("malformed DAG-JSON block: {}", what));
}

Result<Ipld> fromJson(const json::value& value);

/// What {"/": …} stands for.
Result<Ipld> reserved(const json::value& value) {
  if (const auto* text = value.if_string()) {
    auto cid = Cid::parse(*text);
    if (!cid) {
      if (cid.error().category == ErrorCategory::Unsupported) return std::unexpected(cid.error());
      return malformed(cid.error().message);
    }
    return Ipld{std::move(*cid)};
  }
  const auto* object = value.if_object();
  if (object == nullptr || object->size() != 1 || object->begin()->key() != "bytes" ||
      !object->begin()->value().is_string()) {
    return malformed("a reserved name that stands for nothing");
  }
  auto bytes = decodeBase64(object->begin()->value().get_string());
  if (!bytes) return malformed(bytes.error().message);
  return Ipld{IpldBytes{std::move(*bytes)}};
}

Result<Ipld> fromObject(const json::object& object) {
  if (const auto* value = object.if_contains("/"); value != nullptr) {
    if (object.size() > 1) return malformed("names beside a reserved one");
    return reserved(*value);
  }
  IpldMap map;
  for (const auto& [key, element] : object) {
    auto converted = fromJson(element);
    if (!converted) return converted;
    map.emplace_back(std::string(key), std::move(*converted));
  }
  return Ipld{std::move(map)};
}

Result<Ipld> fromJson(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return Ipld{};
    case json::kind::bool_:
      return Ipld{value.get_bool()};
    case json::kind::int64:
      return Ipld{value.get_int64()};
    case json::kind::uint64:
      return Ipld{value.get_uint64()};
    case json::kind::double_:
      if (!std::isfinite(value.get_double())) return malformed("a number that is too large");
      return Ipld{value.get_double()};
    case json::kind::string:
      return Ipld{std::string(value.get_string())};
    case json::kind::object:
      return fromObject(value.get_object());
    case json::kind::array:
      break;
  }
  IpldList list;
  for (const auto& element : value.get_array()) {
    auto converted = fromJson(element);
    if (!converted) return converted;
    list.push_back(std::move(*converted));
  }
  return Ipld{std::move(list)};
}

void append(std::string& out, const Ipld& value);

void appendText(std::string& out, std::string_view text) {
  out += json::serialize(json::string_view(text.data(), text.size()));
}

void appendMap(std::string& out, const IpldMap& map) {
  std::vector<const IpldEntry*> sorted;
  sorted.reserve(map.size());
  for (const auto& entry : map) sorted.push_back(&entry);
  std::ranges::sort(sorted, {}, [](const auto* entry) -> const std::string& { return entry->key; });
  out += '{';
  for (const auto* entry : sorted) {
    if (out.back() != '{') out += ',';
    appendText(out, entry->key);
    out += ':';
    append(out, entry->value);
  }
  out += '}';
}

struct Appender {
  std::string& out;

  void operator()(std::monostate) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { out += fmt::to_string(value); }
  void operator()(std::uint64_t value) const { out += fmt::to_string(value); }
  void operator()(double value) const {
    auto text = fmt::to_string(value);
    // A whole number keeps a sign of its kind.
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    out += text;
  }
  void operator()(const std::string& value) const { appendText(out, value); }
  void operator()(const IpldBytes& value) const {
    out += R"({"/":{"bytes":")";
    out += encodeBase64(std::as_bytes(std::span(value.bytes)));
    out += "\"}}";
  }
  void operator()(const IpldList& value) const {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      append(out, value[i]);
    }
    out += ']';
  }
  void operator()(const IpldMap& value) const { appendMap(out, value); }
  void operator()(const Cid& value) const { out += fmt::format(R"({{"/":"{}"}})", value.text()); }
};

void append(std::string& out, const Ipld& value) {
  std::visit(Appender{out}, value.value);
}

}  // namespace

Result<Ipld> decodeDagJson(std::span<const std::byte> block) {
  if (block.size() > kMaxBlock) return malformed("over the limit of a block");
  json::parse_options options;
  options.max_depth = kMaxIpldDepth;
  boost::system::error_code error;
  const auto value =
      json::parse({reinterpret_cast<const char*>(block.data()), block.size()}, error, {}, options);
  if (error) return malformed(error.message());
  return fromJson(value);
}

std::string encodeDagJson(const Ipld& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace webpool::cid
