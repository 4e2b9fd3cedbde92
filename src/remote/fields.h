// The fields of a value as JSON, written once for both directions: fields(archive, value) names
// each, and the archive writes or reads it.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "webpool/options.h"
#include "webpool/tensor.h"

namespace webpool::remote {

namespace json = boost::json;

template <class S, class T>
concept Of = std::same_as<std::remove_const_t<S>, T>;

class Writer {
 public:
  template <class T>
  void operator()(std::string_view key, const T& value) {
    object_[key] = write(value);
  }
  json::object take() { return std::move(object_); }

  static json::value write(const std::string& text) { return json::value(text); }
  static json::value write(Backend backend) { return json::value(backendName(backend)); }
  static json::value write(Trust trust) { return json::value(trustName(trust)); }
  static json::value write(DataType type) { return json::value(dataTypeName(type)); }
  static json::value write(std::chrono::milliseconds time) { return json::value(time.count()); }
  /// As its age: the clocks of two machines have nothing in common.
  static json::value write(std::chrono::steady_clock::time_point at) {
    const auto age = std::chrono::steady_clock::now() - at;
    return json::value(std::chrono::duration_cast<std::chrono::milliseconds>(age).count());
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  static json::value write(T number) {
    return json::value(number);
  }
  template <class T>
  static json::value write(const std::optional<T>& value) {
    return value ? write(*value) : json::value(nullptr);
  }
  template <class T>
  static json::value write(const std::vector<T>& list) {
    json::array array;
    for (const auto& each : list) array.push_back(write(each));
    return array;
  }
  static json::value write(const std::map<std::string, std::string>& map) {
    json::object object;
    for (const auto& [key, value] : map) object[key] = value;
    return object;
  }
  template <class T>
    requires std::is_class_v<T>
  static json::value write(const T& value) {
    Writer inner;
    fields(inner, value);
    return inner.take();
  }

 private:
  json::object object_;
};

/// What is not there keeps its value: a peer may know fewer fields. What is of another type makes
/// it wrong.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  template <class T>
  void operator()(std::string_view key, T& value) {
    const auto* const found = object_.if_contains(key);
    if (found == nullptr || read(*found, value)) return;
    if (wrong_.empty()) wrong_ = key;
  }
  /// The first key whose value can't be read; empty for none.
  const std::string& wrong() const { return wrong_; }

  static bool read(const json::value& from, std::string& text) {
    if (!from.is_string()) return false;
    text = from.get_string();
    return true;
  }
  static bool read(const json::value& from, bool& flag) {
    if (!from.is_bool()) return false;
    flag = from.get_bool();
    return true;
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  static bool read(const json::value& from, T& number) {
    boost::system::error_code error;
    const auto read = from.to_number<T>(error);
    if (error) return false;
    number = read;
    return true;
  }
  static bool read(const json::value& from, Backend& backend) {
    const auto known = from.is_string() ? backendFromName(from.get_string())
                                        : Result<Backend>(std::unexpected(Error{}));
    if (known) backend = *known;
    return known.has_value();
  }
  static bool read(const json::value& from, Trust& trust) {
    for (const auto each : {Trust::Launched, Trust::Joined}) {
      if (!from.is_string() || from.get_string() != trustName(each)) continue;
      trust = each;
      return true;
    }
    return false;
  }
  static bool read(const json::value& from, DataType& type) {
    if (!from.is_string()) return false;
    const auto known = dataTypeFromName(from.get_string());
    if (known) type = *known;
    return known.has_value();
  }
  static bool read(const json::value& from, std::chrono::milliseconds& time) {
    std::int64_t count = 0;
    if (!read(from, count)) return false;
    time = std::chrono::milliseconds(count);
    return true;
  }
  static bool read(const json::value& from, std::chrono::steady_clock::time_point& at) {
    std::chrono::milliseconds age{};
    if (!read(from, age)) return false;
    at = std::chrono::steady_clock::now() - age;
    return true;
  }
  template <class T>
  static bool read(const json::value& from, std::optional<T>& value) {
    value.reset();
    if (from.is_null()) return true;
    return read(from, value.emplace());
  }
  template <class T>
  static bool read(const json::value& from, std::vector<T>& list) {
    if (!from.is_array()) return false;
    list.clear();
    for (const auto& each : from.get_array()) {
      if (!read(each, list.emplace_back())) return false;
    }
    return true;
  }
  static bool read(const json::value& from, std::map<std::string, std::string>& map) {
    if (!from.is_object()) return false;
    map.clear();
    for (const auto& [key, value] : from.get_object()) {
      if (!read(value, map[std::string(key)])) return false;
    }
    return true;
  }
  template <class T>
    requires std::is_class_v<T>
  static bool read(const json::value& from, T& value) {
    if (!from.is_object()) return false;
    Reader inner(from.get_object());
    fields(inner, value);
    return inner.wrong().empty();
  }

 private:
  const json::object& object_;
  std::string wrong_;
};

}  // namespace webpool::remote
