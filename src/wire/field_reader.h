// Reads described fields (fields.h) out of a JSON object that an untrusted peer sent. The first
// fault is kept and names its place; after it, values stay at their defaults.
#pragma once

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "wire/field_names.h"
#include "wire/frame.h"
#include "wire/json_header.h"
#include "wire/limits.h"

namespace webpool::wire {

class FieldReader {
 public:
  template <class T>
  using Ref = T&;

  FieldReader(const boost::json::object& object, std::string path, std::optional<Error>& error,
              Frame* frame = nullptr)
      : object_(object), path_(std::move(path)), error_(error), frame_(frame) {}

  void text(std::string_view key, std::string& value) { readText(key, value, kMaxTextBytes); }
  void name(std::string_view key, std::string& value) {
    readText(key, value, kMaxTextBytes);
    if (value.empty()) report(key, "empty");
  }
  void message(std::string_view key, std::string& value) { readText(key, value, kMaxMessageBytes); }
  void constant(std::string_view key, std::uint64_t value) {
    std::uint64_t found = value;
    integer(key, found, value, value);
  }
  void integer(std::string_view key, std::uint64_t& value, std::uint64_t least,
               std::uint64_t most) {
    const auto number = readInteger(find(key));
    if (!number) return report(key, "an integer is missing");
    if (*number < 0 || static_cast<std::uint64_t>(*number) < least ||
        static_cast<std::uint64_t>(*number) > most) {
      return report(key, fmt::format("not in {} to {}", least, most));
    }
    value = static_cast<std::uint64_t>(*number);
  }
  void number(std::string_view key, double& value) {
    const auto* found = find(key);
    if (!found || !found->is_number()) return report(key, "a number is missing");
    const auto number = found->to_number<double>();
    if (!std::isfinite(number) || number < 0 || number > 1e15) {
      return report(key, "not in 0 to 1e15");
    }
    value = number;
  }
  void boolean(std::string_view key, bool& value) {
    const auto* found = find(key);
    if (!found || !found->is_bool()) return report(key, "a boolean is missing");
    value = found->get_bool();
  }
  void json(std::string_view key, boost::json::object& value) {
    if (const auto* found = findObject(key)) value = *found;
  }

  template <class E, std::size_t N>
  void choice(std::string_view key, E& value, const NameTable<E, N>& table) {
    std::string text;
    readText(key, text, kMaxTextBytes);
    const auto* found = findIn(table, text);
    if (!found) return report(key, "an unknown word");
    value = *found;
  }
  /// A name that this version does not know counts as Internal.
  void category(std::string_view key, ErrorCategory& value) {
    std::string text;
    readText(key, text, kMaxTextBytes);
    value = categoryFromName(text);
  }
  void dataType(std::string_view key, DataType& value) {
    std::string text;
    readText(key, text, kMaxTextBytes);
    const auto found = dataTypeFromName(text);
    if (!found) return report(key, "an unknown datatype");
    value = *found;
  }
  /// -1 is a free dimension.
  void shape(std::string_view key, Shape& value) {
    const auto* list = findArray(key, Limits{}.maxRank);
    if (!list) return;
    for (const auto& entry : *list) {
      const auto dimension = readInteger(&entry);
      if (!dimension || *dimension < -1) return report(key, "a dimension is no size");
      value.push_back(*dimension);
    }
  }
  void ids(std::string_view key, std::vector<RequestId>& value) {
    const auto* list = findArray(key, kMaxList);
    if (!list) return;
    value.reserve(list->size());
    for (const auto& entry : *list) {
      const auto id = readInteger(&entry);
      if (!id || *id < 1) return report(key, "an entry is no id");
      value.push_back(static_cast<RequestId>(*id));
    }
  }
  void names(std::string_view key, std::vector<std::string>& value) {
    const auto* list = findArray(key, kMaxList);
    if (!list) return;
    for (const auto& entry : *list) {
      if (!entry.is_string() || entry.get_string().empty() ||
          entry.get_string().size() > kMaxTextBytes) {
        return report(key, "an entry is no name");
      }
      value.emplace_back(entry.get_string());
    }
  }
  void counts(std::string_view key, std::map<std::string, std::uint64_t>& value) {
    const auto* found = findObject(key);
    if (!found) return;
    if (found->size() > kMaxList) return report(key, "too many entries");
    for (const auto& [entry, count] : *found) {
      const auto number = readInteger(&count);
      if (!number || *number < 0) return report(key, "an entry is no count");
      if (entry.size() > kMaxTextBytes) return report(key, "a name is too long");
      value.emplace(entry, static_cast<std::uint64_t>(*number));
    }
  }

  /// A key that older pages don't send: `field` reads it where it is there.
  template <class F>
  void optional(std::string_view key, F&& field) {
    if (find(key)) field(key);
  }
  template <class F>
  void group(std::string_view key, F&& fields) {
    if (const auto* found = findObject(key)) {
      FieldReader inner(*found, place(key), error_);
      fields(inner);
    }
  }
  template <class T>
  void object(std::string_view key, T& value) {
    group(key, [&](FieldReader& inner) { describe(inner, value); });
  }
  template <class T>
  void nullable(std::string_view key, std::optional<T>& value) {
    if (!isNull(key)) object(key, value.emplace());
  }
  void nullableNumber(std::string_view key, std::optional<double>& value) {
    if (!isNull(key)) number(key, value.emplace());
  }
  void nullableSize(std::string_view key, std::optional<std::uint64_t>& value) {
    if (!isNull(key)) integer(key, value.emplace(), 0, kMaxInteger);
  }
  template <class T>
  void list(std::string_view key, std::vector<T>& value) {
    const auto* found = findArray(key, kMaxList);
    if (!found) return;
    value.reserve(found->size());
    for (const auto& entry : *found) {
      if (!entry.is_object()) return report(key, "an entry is no object");
      FieldReader inner(entry.get_object(), fmt::format("{}[{}]", place(key), value.size()),
                        error_);
      describe(inner, value.emplace_back());
      if (error_) return;
    }
  }

  /// Takes the frame's tensors of that list, each of which must have come with its data.
  void tensors(std::string_view key, std::vector<Tensor>& value) {
    const auto* found = findArray(key, Limits{}.maxTensors);
    if (!found) return;
    auto& tensors = key == "outputs" ? frame_->outputs : frame_->inputs;
    if (tensors.size() != found->size()) {
      return report(key, "a tensor came without binary_data_size");
    }
    value = std::move(tensors);
    tensors.clear();
  }

 private:
  const boost::json::value* find(std::string_view key) const { return object_.if_contains(key); }
  bool isNull(std::string_view key) const {
    const auto* found = find(key);
    return found && found->is_null();
  }
  const boost::json::object* findObject(std::string_view key) {
    const auto* found = find(key);
    if (found && found->is_object()) return &found->get_object();
    report(key, "an object is missing");
    return nullptr;
  }
  const boost::json::array* findArray(std::string_view key, std::size_t most) {
    const auto* found = find(key);
    if (!found || !found->is_array()) {
      report(key, "a list is missing");
      return nullptr;
    }
    if (found->get_array().size() > most) {
      report(key, fmt::format("more than {} entries", most));
      return nullptr;
    }
    return &found->get_array();
  }
  void readText(std::string_view key, std::string& value, std::size_t limit) {
    const auto* found = find(key);
    if (!found || !found->is_string()) return report(key, "a string is missing");
    const auto& text = found->get_string();
    if (text.size() > limit) return report(key, fmt::format("longer than {} bytes", limit));
    value.assign(text.data(), text.size());
  }
  /// An integer of at most 2^53 - 1 in size; JSON numbers without a fraction count.
  static std::optional<std::int64_t> readInteger(const boost::json::value* value) {
    constexpr auto kMost = static_cast<std::int64_t>(kMaxInteger);
    if (!value) return std::nullopt;
    if (const auto* number = value->if_int64()) {
      return *number >= -kMost && *number <= kMost ? std::optional(*number) : std::nullopt;
    }
    if (const auto* number = value->if_double()) {
      if (!(std::abs(*number) <= static_cast<double>(kMost))) return std::nullopt;
      if (std::trunc(*number) != *number) return std::nullopt;
      return static_cast<std::int64_t>(*number);
    }
    return std::nullopt;
  }
  std::string place(std::string_view key) const { return fmt::format("{}.{}", path_, key); }
  void report(std::string_view key, std::string_view what) {
    if (!error_) error_ = fault("bad_message", fmt::format("{}: {}", place(key), what));
  }

  const boost::json::object& object_;
  std::string path_;
  std::optional<Error>& error_;
  Frame* frame_;
};

}  // namespace webpool::wire
