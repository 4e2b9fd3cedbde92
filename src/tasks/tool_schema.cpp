#include "tasks/tool_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tasks/tool_pattern.h"

namespace webpool::tasks {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 7> kTypes{"string", "number", "integer", "boolean",
                                                 "object", "array",  "null"};
constexpr std::size_t kShown = 60;
constexpr int kDeepest = 50;

bool isType(const json::value& value) {
  return value.is_string() &&
         std::ranges::find(kTypes, std::string_view(value.get_string())) != kTypes.end();
}

std::string shown(const json::value& value) {
  auto text = json::serialize(value);
  if (text.size() <= kShown) return text;
  auto end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

/// What is at "#/a/b/0" of a schema; null: nothing.
const json::value* find(const json::object& root, std::string_view reference) {
  auto pointer = reference.substr(2);
  const json::object* object = &root;
  const json::array* array = nullptr;
  while (true) {
    const auto end = pointer.find('/');
    const auto part = pointer.substr(0, end);
    const json::value* found = nullptr;
    if (object != nullptr) found = object->if_contains(part);
    std::size_t at = 0;
    if (array != nullptr && std::from_chars(part.begin(), part.end(), at).ptr == part.end()) {
      found = array->if_contains(at);
    }
    if (found == nullptr || end == std::string_view::npos) return found;
    object = found->if_object();
    array = found->if_array();
    pointer.remove_prefix(end + 1);
  }
}

/// The first fault stays.
class SchemaCheck {
 public:
  SchemaCheck(std::string_view tool, const json::object& root) : tool_(tool), root_(root) {}

  Result<void> run() {
    // Arguments are an object, whatever else is said of them.
    if (const auto* type = root_.if_contains("type"); type != nullptr && *type != "object") {
      wrong("parameters.type", fmt::format("is {}", shown(*type)),
            R"(arguments of a function are an object: {"type": "object", "properties": {…}})");
    }
    object(root_, "parameters");
    if (fault_) return std::unexpected(*fault_);
    return {};
  }

 private:
  void wrong(const std::string& path, std::string_view what, std::string_view hint) {
    if (fault_) return;
    fault_ = Error{ErrorCategory::InvalidInput,
                   fmt::format("the tool '{}': {} {}", tool_, path, what), std::string(hint)};
  }

  void schema(const json::value& value, const std::string& path) {
    if (fault_) return;
    if (const auto* one = value.if_object()) return object(*one, path);
    wrong(path, fmt::format("is {}, and no schema", shown(value)),
          R"(a schema is an object; {} takes anything)");
  }

  void object(const json::object& one, const std::string& path) {
    for (const auto& [key, value] : one) {
      if (fault_) return;
      member(key, value, path + '.' + std::string(key));
    }
    combined(one, path);
    ordered(one, path, "minItems", "maxItems");
    ordered(one, path, "minLength", "maxLength");
    ordered(one, path, "minimum", "maximum");
  }

  void member(std::string_view key, const json::value& value, const std::string& path) {
    if (key == "type") return type(value, path);
    if (key == "$ref") return reference(value, path);
    if (key == "properties" || key == "$defs" || key == "definitions") return named(value, path);
    if (key == "oneOf" || key == "anyOf" || key == "allOf") return listed(value, path);
    if (key == "prefixItems") return listed(value, path);
    if (key == "items") return value.is_array() ? listed(value, path) : schema(value, path);
    if (key == "additionalProperties") return value.is_bool() ? void() : schema(value, path);
    if (key == "required") return texts(value, path);
    if (key == "enum") return choices(value, path);
    if (key == "pattern") return pattern(value, path);
    if (key == "format" && !value.is_string()) {
      return wrong(path, fmt::format("is {}, and no text", shown(value)), "leave it out");
    }
    if (key == "minItems" || key == "maxItems" || key == "minLength" || key == "maxLength") {
      return count(value, path);
    }
    if (key == "minimum" || key == "maximum" || key == "exclusiveMinimum" ||
        key == "exclusiveMaximum") {
      number(value, path);
    }
  }

  void type(const json::value& value, const std::string& path) {
    const auto hint =
        fmt::format("a type is one of {}, or a list of them", fmt::join(kTypes, ", "));
    const auto* list = value.if_array();
    const bool right =
        list != nullptr ? !list->empty() && std::ranges::all_of(*list, isType) : isType(value);
    if (!right) wrong(path, fmt::format("is {}", shown(value)), hint);
  }

  void reference(const json::value& value, const std::string& path) {
    const auto* text = value.if_string();
    if (text == nullptr || !text->starts_with("#/")) {
      return wrong(path, fmt::format("is {}", shown(value)),
                   R"(only a place in the same parameters can be named: "#/$defs/NAME")");
    }
    if (find(root_, *text) == nullptr) {
      wrong(path, fmt::format("is {}, and there is nothing", shown(value)),
            "put the schema there, or write it where it is used");
    }
  }

  void named(const json::value& value, const std::string& path) {
    const auto* all = value.if_object();
    if (all == nullptr) {
      return wrong(path, fmt::format("is {}, and no object", shown(value)),
                   R"(it has a schema for each name: {"city": {"type": "string"}})");
    }
    for (const auto& [name, one] : *all) schema(one, path + '.' + std::string(name));
  }

  void listed(const json::value& value, const std::string& path) {
    const auto* all = value.if_array();
    if (all == nullptr || all->empty()) {
      return wrong(path, fmt::format("is {}, and no list of schemas", shown(value)),
                   R"(a list has at least one: [{"type": "string"}])");
    }
    for (std::size_t i = 0; i < all->size(); ++i) schema((*all)[i], fmt::format("{}[{}]", path, i));
  }

  void texts(const json::value& value, const std::string& path) {
    const auto* all = value.if_array();
    if (all != nullptr &&
        std::ranges::all_of(*all, [](const auto& one) { return one.is_string(); }))
      return;
    wrong(path, fmt::format("is {}, and no list of names", shown(value)), R"(["city"])");
  }

  void choices(const json::value& value, const std::string& path) {
    if (const auto* all = value.if_array(); all != nullptr && !all->empty()) return;
    wrong(path, fmt::format("is {}, and no list of values", shown(value)), R"(["a", "b"])");
  }

  void pattern(const json::value& value, const std::string& path) {
    const auto* text = value.if_string();
    if (text == nullptr) {
      return wrong(path, fmt::format("is {}, and no text", shown(value)), "leave it out");
    }
    const auto right = toolPattern(*text);
    if (right) return;
    wrong(path, fmt::format("is {}: {}", shown(value), right.error().what), right.error().hint);
  }

  /// llama.cpp puts together what an allOf has of properties and choices, and where there is
  /// neither takes an empty object for it.
  void combined(const json::object& one, const std::string& path) {
    const auto* all = one.if_contains("allOf");
    if (fault_ || all == nullptr || !all->is_array()) return;
    for (const auto* stronger : {"$ref", "oneOf", "anyOf", "const", "enum", "properties"}) {
      if (one.contains(stronger)) return;
    }
    const auto* type = one.if_contains("type");
    if (type != nullptr && *type != "object" && *type != "string") return;
    const auto& parts = all->get_array();
    if (std::ranges::any_of(parts, [&](const auto& part) { return has(part, "properties"); }) ||
        std::ranges::all_of(parts, [&](const auto& part) { return has(part, "enum"); })) {
      return;
    }
    wrong(path + ".allOf", "has neither properties nor an enum in each part",
          "of others no grammar can be made: write what they say without allOf");
  }

  /// It, or what it leads to, or an alternative of it has the key.
  bool has(const json::value& part, std::string_view key, int depth = 0) const {
    const auto* one = part.if_object();
    if (one == nullptr || depth > kDeepest) return false;
    if (const auto* reference = one->if_contains("$ref");
        reference != nullptr && reference->is_string() &&
        std::string_view(reference->get_string()).starts_with("#/")) {
      const auto* there = find(root_, reference->get_string());
      return there != nullptr && has(*there, key, depth + 1);
    }
    if (one->contains(key)) return true;
    const auto* some = one->if_contains("anyOf");
    return depth == 0 && some != nullptr && some->is_array() &&
           std::ranges::any_of(some->get_array(),
                               [&](const auto& other) { return has(other, key, 1); });
  }

  void count(const json::value& value, const std::string& path) {
    boost::system::error_code error;
    value.to_number<std::uint32_t>(error);
    if (error || value.is_double()) {
      wrong(path, fmt::format("is {}", shown(value)), "it is a whole number from 0");
    }
  }

  void number(const json::value& value, const std::string& path) {
    if (!value.is_number()) wrong(path, fmt::format("is {}, and no number", shown(value)), "");
  }

  void ordered(const json::object& one, const std::string& path, std::string_view least,
               std::string_view most) {
    const auto* low = one.if_contains(least);
    const auto* high = one.if_contains(most);
    if (fault_ || low == nullptr || high == nullptr) return;
    if (low->to_number<double>() <= high->to_number<double>()) return;
    wrong(fmt::format("{}.{}", path, least), fmt::format("is more than {}", most), "exchange them");
  }

  std::string_view tool_;
  const json::object& root_;
  std::optional<Error> fault_;
};

/// Puts what references lead to in their place, in a schema that was found right, and writes its
/// patterns for llama.cpp.
class Expansion {
 public:
  explicit Expansion(const json::object& root) : root_(root) {}

  json::value of(const json::value& value) {
    if (!failure_.empty() || ++count_ > kMostValues) {
      fail("grow without end where they are put in their place");
      return nullptr;
    }
    if (const auto* list = value.if_array()) {
      json::array all;
      for (const auto& one : *list) all.push_back(of(one));
      return all;
    }
    const auto* object = value.if_object();
    if (object == nullptr) return value;
    const auto* reference = object->if_contains("$ref");
    // A property may have that name.
    if (reference != nullptr && reference->is_string()) return at(reference->get_string());
    json::object all;
    for (const auto& [key, one] : *object) {
      if (key == "$defs" || key == "definitions") continue;
      const bool isData = key == "const" || key == "enum" || key == "default" || key == "examples";
      all.emplace(key, isData ? one : key == "pattern" ? patternOf(one) : of(one));
    }
    return all;
  }

  /// What is wrong with the references; empty: nothing.
  const std::string& failure() const { return failure_; }

 private:
  static constexpr std::size_t kMostValues = 10'000;

  /// A property may have that name; what llama.cpp passes over was not checked, and stays.
  json::value patternOf(const json::value& value) {
    const auto* text = value.if_string();
    if (text == nullptr) return of(value);
    const auto right = toolPattern(*text);
    return right ? json::value(*right) : value;
  }

  json::value at(std::string_view reference) {
    if (std::ranges::find(within_, reference) != within_.end()) {
      fail("lead back to themselves");
      return nullptr;
    }
    within_.push_back(reference);
    auto there = of(*find(root_, reference));
    within_.pop_back();
    return there;
  }

  void fail(std::string_view what) {
    if (failure_.empty()) failure_ = what;
  }

  const json::object& root_;
  std::vector<std::string_view> within_;  ///< references that are being put in their place
  std::size_t count_ = 0;
  std::string failure_;
};

}  // namespace

Result<json::object> toolSchema(std::string_view tool, const json::object& schema) {
  if (auto right = SchemaCheck(tool, schema).run(); !right) return std::unexpected(right.error());
  Expansion expansion(schema);
  auto expanded = expansion.of(schema);
  if (expansion.failure().empty()) return std::move(expanded.as_object());
  return fail(
      ErrorCategory::InvalidInput,
      fmt::format("the tool '{}': references in its parameters {}", tool, expansion.failure()),
      "write the schema without them");
}

}  // namespace webpool::tasks
