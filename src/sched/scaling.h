// Says when the pool needs more workers and when fewer: from how busy they are, how long calls
// wait, and what the load will be by the time that a new worker is ready. Each decision says why.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sched/load_forecast.h"
#include "sched/load_jumps.h"

namespace webpool::sched {

struct ScalingOptions {
  unsigned min = 1;
  unsigned max = 8;
  double high = 0.7;  ///< busy share above which workers are added
  double low = 0.3;   ///< below which they are drained
  /// Between two changes, and for so long the load must be low before a worker is drained.
  Duration cooldown = std::chrono::seconds(30);
  Duration smoothing = std::chrono::seconds(10);  ///< of the busy share
  Duration waitTarget = std::chrono::milliseconds(200);
  double workersPerCore = 1;  ///< that compute on the CPU
  bool predictive = true;
  ForecastOptions forecast{};
};

/// What the pool sees at one moment.
struct ScalingInputs {
  unsigned workers = 0;               ///< that serve
  unsigned starting = 0;              ///< that will
  double busy = 0;                    ///< share of the workers' time since the last tick, 0..1
  Duration queueWait{};               ///< of what waits: the oldest, or a high quantile
  unsigned queued = 0;                ///< calls that wait
  std::uint64_t memoryBudget = 0;     ///< bytes for all workers; 0: no bound
  std::uint64_t memoryUsed = 0;       ///< by all workers
  std::uint64_t memoryPerWorker = 0;  ///< that one more would take
  unsigned cores = 0;                 ///< 0: unknown, no bound
  Duration startTime = std::chrono::seconds(10);  ///< until a new worker serves
};

enum class ScalingAction { Hold, Add, Drain };

/// "hold", "add", "drain"
std::string_view scalingActionName(ScalingAction action) noexcept;

struct ScalingDecision {
  ScalingAction action = ScalingAction::Hold;
  unsigned count = 0;     ///< workers
  unsigned target = 0;    ///< workers after it
  bool foreseen = false;  ///< the load is not there yet
  std::string reason{};   ///< for a person
};

/// Times must not go backwards. The caller does what is decided; it may do less. Not thread-safe.
class Scaling {
 public:
  explicit Scaling(ScalingOptions options = {});

  /// Once a second or so.
  ScalingDecision tick(const ScalingInputs& inputs, TimePoint now);

  /// Drains that were followed by an addition within four cooldowns; each makes it more patient.
  std::uint64_t regrets() const noexcept { return regrets_; }
  std::optional<Duration> period() const { return forecast_.period(); }

 private:
  struct Bound {
    unsigned workers = 0;
    std::string_view why;
  };

  void smooth(const ScalingInputs& inputs, TimePoint now);
  Bound upperBound(const ScalingInputs& inputs) const;
  /// Workers with which the busy share is midway between low and high.
  unsigned wantedFor(double load) const;
  std::optional<ScalingDecision> overrun(const ScalingInputs& inputs, unsigned have,
                                         const Bound& bound, TimePoint now);
  std::optional<ScalingDecision> grow(const ScalingInputs& inputs, unsigned have,
                                      const Bound& bound, TimePoint now);
  std::optional<ScalingDecision> shrink(const ScalingInputs& inputs, unsigned have, TimePoint now);
  ScalingDecision add(unsigned count, unsigned have, bool foreseen, std::string reason,
                      TimePoint now);
  ScalingDecision drain(unsigned count, unsigned have, std::string reason, TimePoint now);
  /// Workers with which a load that jumps again is no reason to add any.
  unsigned keptForJumps() const;
  bool cooling(TimePoint now) const;
  Duration patience() const;

  ScalingOptions options_;
  LoadForecast forecast_;
  LoadJumps jumps_;
  double load_ = 0;  ///< workers kept busy, smoothed
  std::optional<TimePoint> seenAt_;
  std::optional<TimePoint> changedAt_;
  std::optional<TimePoint> drainedAt_;
  std::optional<TimePoint> lowSince_;
  unsigned patience_ = 1;  ///< cooldowns
  TimePoint patientUntil_{};
  std::uint64_t regrets_ = 0;
};

}  // namespace webpool::sched
