#include "pool/combination.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <utility>

#include "base/file.h"
#include "webpool/version.h"

namespace webpool::pool {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLargestFile = 16 << 20;

}  // namespace

std::string textOf(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

bool isComponent(const ModelDescription& description) {
  return description.components.size() > 1 && !description.component.empty();
}

std::string combinedName(const ModelDescription& description) {
  return isComponent(description) ? description.cid + '/' + description.component : description.cid;
}

json::object toJson(const Combination& what) {
  return {{"model", what.model},     {"dtype", what.dtype},     {"backend", what.backend},
          {"browser", what.browser}, {"version", what.version}, {"adapter", what.adapter}};
}

Combination combinationFromJson(const json::object& object) {
  return {textOf(object, "model"),   textOf(object, "dtype"),   textOf(object, "backend"),
          textOf(object, "browser"), textOf(object, "version"), textOf(object, "adapter")};
}

std::vector<json::object> readKept(const std::filesystem::path& file, const char* key) {
  const auto text = base::readFile(file, kLargestFile);
  if (!text) return {};
  boost::system::error_code error;
  const auto value = json::parse(*text, error);
  if (error || !value.is_object()) return {};
  const auto& object = value.get_object();
  const auto* list = object.if_contains(key);
  if (textOf(object, "webpool") != kVersion || list == nullptr || !list->is_array()) return {};
  std::vector<json::object> entries;
  for (const auto& entry : list->get_array()) {
    if (entry.is_object()) entries.push_back(entry.get_object());
  }
  return entries;
}

Result<void> writeKept(const std::filesystem::path& file, const char* key,
                       std::vector<json::object> entries) {
  if (entries.size() > kMostKept) {
    entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(kMostKept));
  }
  json::array list;
  for (auto& entry : entries) list.emplace_back(std::move(entry));
  return base::writeFileAtomically(
      file, json::serialize(json::object{{"webpool", kVersion}, {key, std::move(list)}}), 0600);
}

std::string today() {
  const std::chrono::year_month_day day(
      std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

}  // namespace webpool::pool
