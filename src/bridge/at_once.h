#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "bridge/execution_record.h"
#include "webpool/resource_pool_bridge.h"

namespace webpool::bridge {

/// Calls `one` for 0 … count − 1, at most `limit` and one more at once (the pool queues what its
/// browsers can't take), and returns what it returned, in order.
inline std::vector<WebModelResult> atOnce(std::size_t count, std::size_t limit,
                                          ExecutionRecord& record,
                                          const std::function<WebModelResult(std::size_t)>& one) {
  std::vector<WebModelResult> results(count);
  std::atomic<std::size_t> next{0};
  const auto wanted = std::min(count, std::max<std::size_t>(limit, 1) + 1);
  const auto work = [&] {
    for (auto i = next++; i < count; i = next++) {
      if (i >= wanted) record.waiting(-1);
      results[i] = one(i);
    }
  };
  // What begins at once never waits.
  record.waiting(std::int64_t(count - wanted));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
    work();
  }
  return results;
}

}  // namespace webpool::bridge
