#include "sched/recycle_policy.h"

#include <fmt/format.h>

#include <algorithm>

namespace webpool::sched {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;

/// The baseline as it would be with the models of now.
double expectedBytes(const Usage& usage) {
  const auto& base = *usage.baseline;
  return std::max(0.0,
                  double(base.bytes) + double(usage.memory->modelBytes) - double(base.modelBytes));
}

std::optional<std::string> grown(const RecyclePolicy& policy, const Usage& usage) {
  if (!usage.baseline || !usage.memory) return std::nullopt;
  const double expected = expectedBytes(usage);
  const double bytes = double(usage.memory->bytes);
  const bool byBytes = policy.maxGrowthBytes && bytes - expected > double(*policy.maxGrowthBytes);
  const bool byFactor =
      policy.maxGrowthFactor && expected > 0 && bytes > expected * *policy.maxGrowthFactor;
  if (!byBytes && !byFactor) return std::nullopt;
  return fmt::format("{:.0f} MiB where {:.0f} MiB are explained", bytes / kMiB, expected / kMiB);
}

}  // namespace

std::optional<RecycleCause> recycleCause(const RecyclePolicy& policy, const Usage& usage) {
  if (policy.maxDeviceLosses && usage.deviceLosses >= *policy.maxDeviceLosses) {
    return RecycleCause{LifeReason::DeviceLost,
                        fmt::format("the graphics device was lost {} times", usage.deviceLosses)};
  }
  if (policy.maxConsecutiveErrors && usage.consecutiveErrors >= *policy.maxConsecutiveErrors) {
    return RecycleCause{LifeReason::Errors,
                        fmt::format("{} jobs in a row failed", usage.consecutiveErrors)};
  }
  if (auto detail = grown(policy, usage)) {
    return RecycleCause{LifeReason::MemoryGrown, std::move(*detail)};
  }
  if (policy.maxAge && usage.age >= *policy.maxAge) {
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(usage.age).count();
    return RecycleCause{LifeReason::TooOld, fmt::format("{} minutes old", minutes)};
  }
  if (policy.maxJobs && usage.jobs >= *policy.maxJobs) {
    return RecycleCause{LifeReason::TooManyJobs, fmt::format("{} jobs done", usage.jobs)};
  }
  return std::nullopt;
}

}  // namespace webpool::sched
