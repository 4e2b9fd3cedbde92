// When a browser that still works is better replaced by a new one: memory that never comes back,
// a GPU process that has crashed, answers that fail in a row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "sched/life_events.h"

namespace webpool::sched {

/// Each limit is off when it is nullopt.
struct RecyclePolicy {
  std::optional<Duration> maxAge = std::chrono::hours(12);  ///< since its page was ready
  std::optional<std::uint64_t> maxJobs = 1'000'000;
  /// Memory above the baseline, in bytes; what later models explain is left out.
  std::optional<std::uint64_t> maxGrowthBytes = std::uint64_t{2} << 30;
  /// Memory as a multiple of the baseline; what later models explain is left out.
  std::optional<double> maxGrowthFactor = 3.0;
  /// Chromium refuses 3D to a site whose GPU process crashed again, until the browser is new.
  std::optional<unsigned> maxDeviceLosses = 2;
  /// Of those that blame the worker (blame.h). Where some of them are doubtful, as many ask for a
  /// check of the page, and nothing is recycled for them alone.
  std::optional<unsigned> maxConsecutiveErrors = 5;
};

/// A sample of the whole process tree.
struct MemorySample {
  std::uint64_t bytes = 0;       ///< proportional set size
  std::uint64_t modelBytes = 0;  ///< of these, what the models that are loaded account for
};

/// What one incarnation has behind it.
struct Usage {
  Duration age{};
  std::uint64_t jobs = 0;
  std::optional<MemorySample> baseline{};  ///< the first sample after the first gate
  std::optional<MemorySample> memory{};    ///< the latest sample
  unsigned deviceLosses = 0;
  unsigned consecutiveErrors = 0;  ///< that blame the worker for certain
  unsigned doubtfulErrors = 0;     ///< since the last success or check; of the inputs, perhaps
};

struct RecycleCause {
  LifeReason reason = LifeReason::Asked;
  std::string detail;
};

/// The limit that is reached, or none. Faults come before wear.
std::optional<RecycleCause> recycleCause(const RecyclePolicy& policy, const Usage& usage);

}  // namespace webpool::sched
