// Says when a run takes so long that a second worker is tried beside the first: a late answer is
// mostly one worker's fault. The first answer wins, and the other run is withdrawn. Within a
// budget, or a slow pool would make itself slower. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "sched/time_quantile.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

struct HedgingOptions {
  double share = 0.02;  ///< of the runs, at most
  double burst = 8;     ///< hedges at once, after a quiet time
  double quantile = 0.99;
  /// Past the quantile, but not before this: a millisecond late is not worth a second run.
  Duration least = std::chrono::milliseconds(20);
};

/// A run that is under way.
struct RunUnderWay {
  std::uint64_t key = 0;  ///< of model and engine, as the caller names them
  TimePoint started{};
  Duration expected{};   ///< as predicted when it started
  bool streams = false;  ///< somebody has seen a part of its answer, or may have
  bool hedged = false;   ///< or is itself the second one
};

/// What there is for a second run.
struct HedgingRoom {
  bool idleWorker = false;  ///< another one that holds the model and computes nothing
  unsigned idleCores = 0;
};

enum class HedgeVerdict {
  Hedge,
  NotLate,
  Unknown,
  Streams,
  AlreadyHedged,
  NoWorker,
  NoCore,
  Budget
};

/// "hedge", "not late", …
std::string_view hedgeVerdictName(HedgeVerdict verdict) noexcept;

/// Not thread-safe.
class Hedging {
 public:
  explicit Hedging(HedgingOptions options = {});

  /// A run begins; each earns its share of a hedge.
  void began();
  /// A run that was not cancelled took so long. A hedged one is told as how long its first run had
  /// taken by then, if it was not the winner: leaving it out would hide what is slow.
  void ended(std::uint64_t key, Duration expected, Duration took);

  /// When it will be late; none where that is not known yet, or where it is never hedged. For a
  /// timer: what counts is `judge`.
  std::optional<TimePoint> lateAt(const RunUnderWay& run) const;
  HedgeVerdict judge(const RunUnderWay& run, const HedgingRoom& room, TimePoint now) const;
  /// The second run was sent; only after `judge` said so.
  void hedged();

  std::uint64_t runs() const noexcept { return runs_; }
  std::uint64_t hedges() const noexcept { return hedges_; }

 private:
  HedgingOptions options_;
  std::map<std::uint64_t, RatioHistogram> ratios_;
  double budget_ = 0;
  std::uint64_t runs_ = 0;
  std::uint64_t hedges_ = 0;
};

}  // namespace webpool::sched
