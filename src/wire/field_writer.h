// Writes described fields (fields.h) into a JSON object, within the protocol's limits.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "wire/field_names.h"
#include "wire/limits.h"
#include "wire/utf8.h"

namespace webpool::wire {

class FieldWriter {
 public:
  template <class T>
  using Ref = const T&;

  explicit FieldWriter(std::optional<Error>& error) : error_(error) {}

  boost::json::object take() { return std::move(object_); }

  void text(std::string_view key, const std::string& value) {
    if (value.size() > kMaxTextBytes) tooLarge(key, kMaxTextBytes, "bytes");
    object_[key] = value;
  }
  void name(std::string_view key, const std::string& value) {
    if (value.empty()) report(fmt::format("'{}' is empty", key));
    text(key, value);
  }
  void message(std::string_view key, const std::string& value) {
    object_[key] = cutUtf8(value, kMaxMessageBytes);
  }
  void constant(std::string_view key, std::uint64_t value) { object_[key] = value; }
  void integer(std::string_view key, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
    if (value < least || value > most) {
      report(fmt::format("'{}' is {}, not in {} to {}", key, value, least, most));
    }
    object_[key] = value;
  }
  void number(std::string_view key, double value) { object_[key] = value; }
  void boolean(std::string_view key, bool value) { object_[key] = value; }
  void json(std::string_view key, const boost::json::object& value) {
    // The header around it is one more level.
    if (isDeeper(value, Limits{}.maxDepth - 1)) tooLarge(key, Limits{}.maxDepth - 1, "levels");
    object_[key] = value;
  }

  template <class E, std::size_t N>
  void choice(std::string_view key, E value, const NameTable<E, N>& table) {
    object_[key] = nameIn(table, value);
  }
  void category(std::string_view key, ErrorCategory value) { object_[key] = categoryName(value); }
  void dataType(std::string_view key, DataType value) { object_[key] = dataTypeName(value); }
  void shape(std::string_view key, const Shape& value) {
    object_[key] = boost::json::array(value.begin(), value.end());
  }
  void ids(std::string_view key, const std::vector<RequestId>& value) {
    checkList(key, value.size());
    object_[key] = boost::json::array(value.begin(), value.end());
  }
  void names(std::string_view key, const std::vector<std::string>& value) {
    checkList(key, value.size());
    object_[key] = boost::json::array(value.begin(), value.end());
  }
  void counts(std::string_view key, const std::map<std::string, std::uint64_t>& value) {
    boost::json::object counts;
    for (const auto& [entry, count] : value) counts[entry] = count;
    object_[key] = std::move(counts);
  }

  template <class F>
  void optional(std::string_view key, F&& field) {
    field(key);
  }
  template <class F>
  void group(std::string_view key, F&& fields) {
    FieldWriter inner(error_);
    fields(inner);
    object_[key] = inner.take();
  }
  template <class T>
  void object(std::string_view key, const T& value) {
    group(key, [&](FieldWriter& inner) { describe(inner, value); });
  }
  template <class T>
  void nullable(std::string_view key, const std::optional<T>& value) {
    object_[key] = nullptr;
    if (value) object(key, *value);
  }
  void nullableNumber(std::string_view key, const std::optional<double>& value) {
    object_[key] = nullptr;
    if (value) object_[key] = *value;
  }
  void nullableSize(std::string_view key, const std::optional<std::uint64_t>& value) {
    object_[key] = nullptr;
    if (value) integer(key, *value, 0, kMaxInteger);
  }
  template <class T>
  void list(std::string_view key, const std::vector<T>& value) {
    checkList(key, value.size());
    boost::json::array list;
    list.reserve(value.size());
    for (const auto& entry : value) {
      FieldWriter inner(error_);
      describe(inner, entry);
      list.push_back(inner.take());
    }
    object_[key] = std::move(list);
  }

  /// The tensors themselves are put in by encodeFrame; an empty list must be there too.
  void tensors(std::string_view key, const std::vector<Tensor>& value) {
    object_[key] = boost::json::array();
    tensors_[key == "outputs" ? 1 : 0] = &value;
  }
  std::span<const Tensor> tensorsOf(int list) const {
    return tensors_[list] ? std::span<const Tensor>(*tensors_[list]) : std::span<const Tensor>();
  }

 private:
  void report(std::string message) {
    if (!error_) error_ = Error{ErrorCategory::InvalidArgument, std::move(message), ""};
  }
  void tooLarge(std::string_view key, std::size_t limit, std::string_view unit) {
    report(fmt::format("'{}' has more than {} {}", key, limit, unit));
  }
  static bool isDeeper(const boost::json::object& value, std::size_t levels) {
    if (levels == 0) return true;
    return std::ranges::any_of(
        value, [&](const auto& entry) { return isDeeper(entry.value(), levels - 1); });
  }
  static bool isDeeper(const boost::json::value& value, std::size_t levels) {
    if (const auto* object = value.if_object()) return isDeeper(*object, levels);
    const auto* array = value.if_array();
    if (!array) return false;
    if (levels == 0) return true;
    return std::ranges::any_of(*array, [&](const auto& e) { return isDeeper(e, levels - 1); });
  }
  void checkList(std::string_view key, std::size_t size) {
    if (size > kMaxList) tooLarge(key, kMaxList, "entries");
  }

  std::optional<Error>& error_;
  boost::json::object object_;
  const std::vector<Tensor>* tensors_[2] = {nullptr, nullptr};
};

}  // namespace webpool::wire
