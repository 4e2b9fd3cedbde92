// What the models of an integration did: counted and timed, nothing estimated.
#pragma once

#include <mutex>
#include <string>

#include "webpool/resource_pool_bridge.h"

namespace webpool::bridge {

/// Thread-safe.
class ExecutionRecord {
 public:
  /// A call begins; ended() must follow.
  void began();
  void ended(const WebModelResult& result);

  /// So many calls more wait for their turn (fewer where negative); each begins or is given up.
  void waiting(std::int64_t more);

  /// All but the connections.
  ExecutionStats stats() const;

 private:
  static constexpr std::size_t kKeptTimes = 1000;

  mutable std::mutex mutex_;
  ExecutionStats stats_;
};

}  // namespace webpool::bridge
