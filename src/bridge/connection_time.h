// How long connections were there, and how long they had work: from their changes of state.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "webpool/stats.h"

namespace webpool::bridge {

/// Thread-safe.
class ConnectionTime {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Totals {
    std::uint64_t current = 0;  ///< connections whose page is there
    std::uint64_t peak = 0;
    double thereMs = 0;  ///< of all of them together
    double busyMs = 0;   ///< of those, in state "busy"
  };

  void changed(const std::string& connection, const StateChange& change);
  /// What a server tells of its connections, whose changes are not told: counts for the peak.
  void seen(const std::vector<ConnectionStats>& connections);
  Totals totals(TimePoint now) const;

 private:
  struct One {
    std::string state;
    TimePoint since;
  };

  static void addUntil(const One& one, TimePoint now, Totals& totals);

  mutable std::mutex mutex_;
  std::map<std::string, One> connections_;
  Totals ended_;
};

}  // namespace webpool::bridge
