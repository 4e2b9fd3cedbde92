// One figure for how well a worker does, so that placement prefers the healthy of two that are both
// allowed. A breaker says no; the score says rather not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

struct HealthInputs {
  double successRate = 1;         ///< 0..1
  unsigned missedHeartbeats = 0;  ///< in a row
  double latencyRatio = 1;        ///< recent latency over the worker's own median
  double memoryRatio = 1;         ///< memory over what is expected
};

/// successRate · 2^−missedHeartbeats · min(1, 1 / latencyRatio) · min(1, 1 / memoryRatio): 0..1, 1
/// for a worker without a fault. Never rises when an input gets worse; what is no number counts as
/// worst.
double healthScore(const HealthInputs& inputs) noexcept;

struct HealthOptions {
  Duration halfLife = std::chrono::minutes(2);  ///< after which a result weighs half
  std::size_t window = 101;                     ///< latencies of which the median is taken
  std::size_t recent = 5;                       ///< of these, the latest: their median is "now"
};

/// Gathers the inputs of one worker, which holds one model, so that its latencies compare. Times
/// must not go backwards.
class HealthTracker {
 public:
  explicit HealthTracker(HealthOptions options = {}) : options_(options) {}

  void succeeded(Duration latency, TimePoint now);
  /// Only for what blames the worker (blame.h).
  void failed(TimePoint now);
  void heartbeatMissed() { ++inputs_.missedHeartbeats; }
  void heartbeatSeen() { inputs_.missedHeartbeats = 0; }
  /// `expected` 0: unknown.
  void memorySampled(std::uint64_t bytes, std::uint64_t expected);

  /// (successes + 1) / (results + 1), each result weighted by its age: 1 where nothing is known,
  /// and old failures are forgiven.
  HealthInputs inputs(TimePoint now) const;
  double score(TimePoint now) const { return healthScore(inputs(now)); }
  /// None before the first success.
  std::optional<Duration> medianLatency() const;

 private:
  double weightAt(TimePoint now) const;
  void age(TimePoint now);

  HealthOptions options_;
  HealthInputs inputs_;
  double successes_ = 0;
  double failures_ = 0;
  TimePoint agedAt_{};
  std::deque<Duration> latencies_;
};

}  // namespace webpool::sched
