#include "pool/agreements.h"

#include <boost/json.hpp>
#include <utility>

namespace webpool::pool {
namespace {

constexpr const char* kKey = "agreed";

}  // namespace

std::optional<AgreedWith> Agreements::find(const Combination& what) const {
  for (const auto& entry : readKept(file_, kKey)) {
    if (combinationFromJson(entry) != what) continue;
    return AgreedWith{what, textOf(entry, "by"), textOf(entry, "on")};
  }
  return std::nullopt;
}

Result<void> Agreements::add(const AgreedWith& agreed) {
  auto entries = readKept(file_, kKey);
  std::erase_if(entries,
                [&](const auto& entry) { return combinationFromJson(entry) == agreed.what; });
  auto entry = toJson(agreed.what);
  entry["by"] = agreed.by;
  entry["on"] = agreed.on;
  entries.push_back(std::move(entry));
  return writeKept(file_, kKey, std::move(entries));
}

}  // namespace webpool::pool
