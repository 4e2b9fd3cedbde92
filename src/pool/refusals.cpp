#include "pool/refusals.h"

#include <boost/json.hpp>
#include <utility>

namespace webpool::pool {
namespace {

namespace json = boost::json;

constexpr const char* kKey = "refusals";

json::object entryOf(const Refusal& refusal) {
  auto entry = toJson(refusal.what);
  entry["name"] = refusal.name;
  entry["message"] = refusal.message;
  entry["hint"] = refusal.hint;
  entry["on"] = refusal.on;
  return entry;
}

Refusal refusalOf(const json::object& entry) {
  return {combinationFromJson(entry), textOf(entry, "name"), textOf(entry, "message"),
          textOf(entry, "hint"), textOf(entry, "on")};
}

}  // namespace

std::vector<Refusal> Refusals::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Refusal> refusals;
  for (const auto& entry : readKept(file_, kKey)) refusals.push_back(refusalOf(entry));
  return refusals;
}

std::optional<Refusal> Refusals::find(const Combination& what) const {
  for (auto& refusal : all()) {
    if (refusal.what == what) return std::move(refusal);
  }
  return std::nullopt;
}

Result<void> Refusals::add(Refusal refusal) {
  const std::lock_guard lock(mutex_);
  auto entries = readKept(file_, kKey);
  std::erase_if(entries,
                [&](const auto& entry) { return combinationFromJson(entry) == refusal.what; });
  entries.push_back(entryOf(refusal));
  return writeKept(file_, kKey, std::move(entries));
}

}  // namespace webpool::pool
