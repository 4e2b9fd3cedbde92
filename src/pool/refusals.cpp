#include "pool/refusals.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/file.h"
#include "webpool/version.h"

namespace webpool::pool {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLargestFile = 16 << 20;

/// "" where it is no text: then the entry matches nothing.
std::string textOf(const json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

json::object toJson(const Refusal& refusal) {
  const auto& what = refusal.what;
  return {{"model", what.model},       {"dtype", what.dtype},     {"backend", what.backend},
          {"browser", what.browser},   {"version", what.version}, {"adapter", what.adapter},
          {"name", refusal.name},      {"hint", refusal.hint},    {"on", refusal.on},
          {"message", refusal.message}};
}

Refusal fromJson(const json::object& object) {
  return {{textOf(object, "model"), textOf(object, "dtype"), textOf(object, "backend"),
           textOf(object, "browser"), textOf(object, "version"), textOf(object, "adapter")},
          textOf(object, "name"),
          textOf(object, "message"),
          textOf(object, "hint"),
          textOf(object, "on")};
}

/// What this version of webpool wrote: another has another runtime in its page.
std::vector<Refusal> read(const std::filesystem::path& file) {
  const auto text = base::readFile(file, kLargestFile);
  if (!text) return {};
  boost::system::error_code error;
  const auto value = json::parse(*text, error);
  if (error || !value.is_object()) return {};
  const auto& object = value.get_object();
  const auto* list = object.if_contains("refusals");
  if (textOf(object, "webpool") != kVersion || list == nullptr || !list->is_array()) return {};
  std::vector<Refusal> refusals;
  for (const auto& entry : list->get_array()) {
    if (entry.is_object()) refusals.push_back(fromJson(entry.get_object()));
  }
  return refusals;
}

}  // namespace

std::vector<Refusal> Refusals::all() const {
  const std::lock_guard lock(mutex_);
  return read(file_);
}

std::optional<Refusal> Refusals::find(const Combination& what) const {
  for (auto& refusal : all()) {
    if (refusal.what == what) return std::move(refusal);
  }
  return std::nullopt;
}

Result<void> Refusals::add(Refusal refusal) {
  const std::lock_guard lock(mutex_);
  auto refusals = read(file_);
  std::erase_if(refusals, [&](const Refusal& other) { return other.what == refusal.what; });
  refusals.push_back(std::move(refusal));
  if (refusals.size() > kMost) {
    refusals.erase(refusals.begin(), refusals.end() - static_cast<std::ptrdiff_t>(kMost));
  }
  json::array list;
  for (const auto& entry : refusals) list.push_back(toJson(entry));
  return base::writeFileAtomically(
      file_, json::serialize(json::object{{"webpool", kVersion}, {"refusals", std::move(list)}}),
      0600);
}

}  // namespace webpool::pool
