#include "bridge/execution_record.h"

#include <algorithm>

namespace webpool::bridge {

void ExecutionRecord::began() {
  const std::lock_guard lock(mutex_);
  stats_.concurrentPeak = std::max(stats_.concurrentPeak, ++stats_.currentlyUnderWay);
}

void ExecutionRecord::ended(const WebModelResult& result) {
  const std::lock_guard lock(mutex_);
  --stats_.currentlyUnderWay;
  ++stats_.executedTasks;
  if (!result.success) {
    ++stats_.errors;
    return;
  }
  stats_.totalExecutionTimeMs += result.metrics.latencyMs;
  auto& times = stats_.modelExecutionTimesMs[result.modelId];
  if (times.size() >= kKeptTimes) times.erase(times.begin());
  times.push_back(result.metrics.latencyMs);
  stats_.ipfsAccelerationCount += result.ipfsAccelerated ? 1 : 0;
  stats_.ipfsCacheHits += result.ipfsCacheHit ? 1 : 0;
  if (!result.ran.browser.empty()) ++stats_.browserUsage[result.ran.browser];
  const auto platform = result.platform();
  if (platform.empty()) return;  // nothing had to run
  ++stats_.platformUsage[platform];
  stats_.platformBusyMs[platform] += result.metrics.inferenceTimeMs;
}

void ExecutionRecord::waiting(std::int64_t more) {
  const std::lock_guard lock(mutex_);
  stats_.currentlyWaiting += std::uint64_t(more);
  stats_.waitingPeak = std::max(stats_.waitingPeak, stats_.currentlyWaiting);
}

ExecutionStats ExecutionRecord::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace webpool::bridge
