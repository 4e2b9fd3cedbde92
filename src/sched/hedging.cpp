#include "sched/hedging.h"

#include <algorithm>

namespace webpool::sched {
namespace {

/// A time span of that many nanoseconds, where they are no more than it can say.
Duration spanOf(double nanoseconds) {
  constexpr double kLongest = 9e18;
  return Duration(static_cast<std::int64_t>(std::clamp(nanoseconds, 0.0, kLongest)));
}

}  // namespace

std::string_view hedgeVerdictName(HedgeVerdict verdict) noexcept {
  switch (verdict) {
    case HedgeVerdict::Hedge:
      return "hedge";
    case HedgeVerdict::NotLate:
      return "not late";
    case HedgeVerdict::Unknown:
      return "not known when it is late";
    case HedgeVerdict::Streams:
      return "it streams";
    case HedgeVerdict::AlreadyHedged:
      return "already hedged";
    case HedgeVerdict::NoWorker:
      return "no idle worker";
    case HedgeVerdict::NoCore:
      return "no idle core";
    case HedgeVerdict::Budget:
      break;
  }
  return "too many hedges";
}

Hedging::Hedging(HedgingOptions options) : options_(options) {}

void Hedging::began() {
  ++runs_;
  budget_ = std::min(options_.burst, budget_ + options_.share);
}

void Hedging::ended(std::uint64_t key, Duration expected, Duration took) {
  if (expected <= Duration::zero()) return;
  ratios_[key].add(double(took.count()) / double(expected.count()));
}

std::optional<TimePoint> Hedging::lateAt(const RunUnderWay& run) const {
  if (run.streams || run.hedged) return std::nullopt;
  const auto ratios = ratios_.find(run.key);
  if (ratios == ratios_.end()) return std::nullopt;
  const auto ratio = ratios->second.quantile(options_.quantile);
  if (!ratio) return std::nullopt;
  const auto late = spanOf(*ratio * double(run.expected.count()));
  return run.started + std::max(late, options_.least);
}

HedgeVerdict Hedging::judge(const RunUnderWay& run, const HedgingRoom& room, TimePoint now) const {
  if (run.streams) return HedgeVerdict::Streams;
  if (run.hedged) return HedgeVerdict::AlreadyHedged;
  const auto late = lateAt(run);
  if (!late) return HedgeVerdict::Unknown;
  if (now < *late) return HedgeVerdict::NotLate;
  if (!room.idleWorker) return HedgeVerdict::NoWorker;
  if (room.idleCores == 0) return HedgeVerdict::NoCore;
  if (budget_ < 1 - 1e-9) return HedgeVerdict::Budget;
  return HedgeVerdict::Hedge;
}

void Hedging::hedged() {
  ++hedges_;
  budget_ -= 1;
}

}  // namespace webpool::sched
