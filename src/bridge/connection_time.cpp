#include "bridge/connection_time.h"

#include <algorithm>
#include <string_view>

namespace webpool::bridge {
namespace {

/// Its page is connected (docs/lifecycle.md).
bool isThere(std::string_view state) {
  return state == "gated" || state == "ready" || state == "busy" || state == "draining";
}

}  // namespace

void ConnectionTime::addUntil(const One& one, TimePoint now, Totals& totals) {
  const auto ms = std::max(0.0, std::chrono::duration<double, std::milli>(now - one.since).count());
  if (isThere(one.state)) totals.thereMs += ms;
  if (one.state == "busy") totals.busyMs += ms;
}

void ConnectionTime::changed(const std::string& connection, const StateChange& change) {
  const std::lock_guard lock(mutex_);
  auto& one = connections_[connection];
  addUntil(one, change.at, ended_);
  one = {change.to, change.at};
  const auto there = std::ranges::count_if(
      connections_, [](const auto& entry) { return isThere(entry.second.state); });
  ended_.peak = std::max(ended_.peak, std::uint64_t(there));
}

void ConnectionTime::seen(const std::vector<ConnectionStats>& connections) {
  const auto there = std::ranges::count_if(
      connections, [](const ConnectionStats& one) { return isThere(one.state); });
  const std::lock_guard lock(mutex_);
  ended_.peak = std::max(ended_.peak, std::uint64_t(there));
}

ConnectionTime::Totals ConnectionTime::totals(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  auto totals = ended_;
  for (const auto& [name, one] : connections_) {
    addUntil(one, now, totals);
    totals.current += isThere(one.state) ? 1 : 0;
  }
  return totals;
}

}  // namespace webpool::bridge
