#include "sched/scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace webpool::sched {
namespace {

constexpr unsigned kMostPatience = 16;
/// An addition so soon after a drain says that the drain was a mistake.
constexpr int kRegretWithin = 4;
/// Cooldowns after which a mistake is forgotten, times the patience that it led to.
constexpr int kForgivenAfter = 20;
/// Less than this share of the workers is not worth a drain: each may turn out to be a mistake.
constexpr double kLeastDrain = 0.2;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string percent(double share) {
  return fmt::format("{:.0f} %", 100 * share);
}

/// Cooldowns in which the load must rise to have jumped, in which it must fall again, and for which
/// that is remembered: with 30 s 2 minutes, 10 minutes and 2 hours.
JumpOptions jumpsFor(Duration cooldown) {
  return {
      .within = kRegretWithin * cooldown, .longest = 20 * cooldown, .remembered = 240 * cooldown};
}

}  // namespace

std::string_view scalingActionName(ScalingAction action) noexcept {
  switch (action) {
    case ScalingAction::Add:
      return "add";
    case ScalingAction::Drain:
      return "drain";
    case ScalingAction::Hold:
      break;
  }
  return "hold";
}

Scaling::Scaling(ScalingOptions options)
    : options_(options), forecast_(options.forecast), jumps_(jumpsFor(options.cooldown)) {
  options_.max = std::max(options_.max, 1u);
  options_.min = std::min(options_.min, options_.max);
  options_.low = std::clamp(options_.low, 0.0, 0.9);
  options_.high = std::clamp(options_.high, options_.low + 0.1, 1.0);
}

void Scaling::smooth(const ScalingInputs& inputs, TimePoint now) {
  const double raw = std::isfinite(inputs.busy) ? std::clamp(inputs.busy, 0.0, 1.0) : 0;
  const double load = raw * inputs.workers;
  const double passed = seenAt_ ? std::max(0.0, seconds(now - *seenAt_)) : 1e9;
  const double smoothing = std::max(1e-9, seconds(options_.smoothing));
  const double share = 1 - std::exp(-passed / smoothing);
  load_ += share * (load - load_);
  seenAt_ = now;
  jumps_.add(load_, now);
  if (inputs.workers > 0) forecast_.add(load, now);
}

Scaling::Bound Scaling::upperBound(const ScalingInputs& inputs) const {
  Bound bound{options_.max, "the most that is allowed"};
  const auto tighten = [&](double workers, std::string_view why) {
    if (workers < bound.workers) bound = {static_cast<unsigned>(std::max(0.0, workers)), why};
  };
  if (inputs.cores > 0)
    tighten(std::max(1.0, std::floor(inputs.cores * options_.workersPerCore)), "the cores");
  if (inputs.memoryBudget > 0) {
    // Those that are starting have not taken their memory yet.
    const double each = double(std::max<std::uint64_t>(1, inputs.memoryPerWorker));
    const double left = double(inputs.memoryBudget) - double(inputs.memoryUsed);
    tighten(inputs.workers + std::floor(left / each), "the memory budget");
  }
  return bound;
}

unsigned Scaling::wantedFor(double load) const {
  const double middle = (options_.low + options_.high) / 2;
  const double wanted = std::ceil(load / middle - 1e-9);
  return static_cast<unsigned>(std::clamp(wanted, double(options_.min), double(options_.max)));
}

unsigned Scaling::keptForJumps() const {
  const double wanted = std::ceil(jumps_.usual() / options_.high - 1e-9);
  return static_cast<unsigned>(std::min(wanted, double(options_.max)));
}

bool Scaling::cooling(TimePoint now) const {
  return changedAt_ && now - *changedAt_ < options_.cooldown;
}

Duration Scaling::patience() const {
  return options_.cooldown * patience_;
}

ScalingDecision Scaling::add(unsigned count, unsigned have, bool foreseen, std::string reason,
                             TimePoint now) {
  if (drainedAt_ && now - *drainedAt_ <= kRegretWithin * options_.cooldown) {
    ++regrets_;
    patience_ = std::min(patience_ * 2, kMostPatience);
    patientUntil_ = now + kForgivenAfter * patience();
    drainedAt_.reset();
  }
  changedAt_ = now;
  lowSince_.reset();
  return {ScalingAction::Add, count, have + count, foreseen, std::move(reason)};
}

ScalingDecision Scaling::drain(unsigned count, unsigned have, std::string reason, TimePoint now) {
  changedAt_ = drainedAt_ = now;
  lowSince_.reset();
  return {ScalingAction::Drain, count, have - count, false, std::move(reason)};
}

ScalingDecision Scaling::tick(const ScalingInputs& inputs, TimePoint now) {
  smooth(inputs, now);
  if (patience_ > 1 && now >= patientUntil_) patience_ = 1;
  const auto bound = upperBound(inputs);
  const unsigned have = inputs.workers + inputs.starting;
  const bool isLow = load_ < options_.low * have && inputs.queueWait <= options_.waitTarget / 2;
  if (!isLow) {
    lowSince_.reset();
  } else if (!lowSince_) {
    lowSince_ = now;
  }
  if (auto decision = overrun(inputs, have, bound, now)) return std::move(*decision);
  if (cooling(now)) {
    return {.target = have,
            .reason = fmt::format("changed {:.0f} s ago, and {:.0f} s are kept between changes",
                                  seconds(now - *changedAt_), seconds(options_.cooldown))};
  }
  if (auto decision = grow(inputs, have, bound, now)) return std::move(*decision);
  if (auto decision = shrink(inputs, have, now)) return std::move(*decision);
  return {.target = have,
          .reason = fmt::format("busy {}, between {} and {}", percent(load_ / std::max(1u, have)),
                                percent(options_.low), percent(options_.high))};
}

std::optional<ScalingDecision> Scaling::overrun(const ScalingInputs& inputs, unsigned have,
                                                const Bound& bound, TimePoint now) {
  if (have < options_.min) {
    const auto room = std::min(options_.min, bound.workers);
    if (room <= have) return std::nullopt;
    // Workers that died are replaced at once; that says nothing of the load.
    drainedAt_.reset();
    return add(room - have, have, false,
               fmt::format("{} workers of at least {}", have, options_.min), now);
  }
  const auto most = std::max(options_.min, bound.workers);
  if (have <= most || inputs.workers == 0) return std::nullopt;
  const auto reason = fmt::format("{} workers, and {} allows {}", have, bound.why, bound.workers);
  auto decision = drain(have - most, have, reason, now);
  drainedAt_.reset();  // not for want of load
  return decision;
}

std::optional<ScalingDecision> Scaling::grow(const ScalingInputs& inputs, unsigned have,
                                             const Bound& bound, TimePoint now) {
  const bool busy = load_ > options_.high * have;
  const bool waits =
      inputs.queued > 0 && inputs.queueWait > options_.waitTarget && inputs.starting == 0;
  std::string reason;
  double load = load_;
  bool foreseen = false;
  if (waits) {
    reason = fmt::format("calls wait {:.0f} ms, aimed at {:.0f} ms",
                         1000 * seconds(inputs.queueWait), 1000 * seconds(options_.waitTarget));
  } else if (busy) {
    reason = fmt::format("busy {}, above {}", percent(load_ / std::max(1u, have)),
                         percent(options_.high));
  } else if (options_.predictive) {
    const auto coming = forecast_.most(inputs.startTime + options_.cooldown);
    if (!coming.period || coming.load <= options_.high * have) return std::nullopt;
    foreseen = true;
    load = coming.load;
    reason = fmt::format("{:.1f} workers' load is expected, as every {:.0f} min", load,
                         seconds(*coming.period) / 60);
  } else {
    return std::nullopt;
  }
  if (bound.workers <= have) {
    return ScalingDecision{.target = have,
                           .reason = fmt::format("{}, but {} allows no more than {}", reason,
                                                 bound.why, bound.workers)};
  }
  // At most twice as many at once: a full pool says only that it is full.
  const auto wanted =
      std::clamp(wantedFor(load), have + 1, std::max(have + 1, std::min(2 * have, bound.workers)));
  return add(std::min(wanted, bound.workers) - have, have, foreseen, std::move(reason), now);
}

std::optional<ScalingDecision> Scaling::shrink(const ScalingInputs& inputs, unsigned have,
                                               TimePoint now) {
  if (!lowSince_ || inputs.starting > 0 || now - *lowSince_ < patience()) return std::nullopt;
  auto left = wantedFor(load_);
  if (left >= have) return std::nullopt;
  if (options_.predictive) {
    // Who would be needed again before it pays stays.
    const auto coming = forecast_.most(inputs.startTime + 6 * options_.cooldown);
    if (coming.period) left = std::max(left, wantedFor(coming.load));
    if (left >= have) {
      return ScalingDecision{
          .target = have,
          .foreseen = true,
          .reason =
              fmt::format("busy {}, but {:.1f} workers' load is expected, as every {:.0f} min",
                          percent(load_ / have), coming.load, seconds(*coming.period) / 60)};
    }
  }
  if (const auto kept = keptForJumps(); kept > left) {
    left = kept;
    if (left >= have) {
      return ScalingDecision{
          .target = have,
          .reason =
              fmt::format("busy {}, but the load has jumped to {:.1f} workers' again and again",
                          percent(load_ / have), jumps_.usual())};
    }
  }
  if (have - left < kLeastDrain * have) {
    return ScalingDecision{
        .target = have,
        .reason = fmt::format("busy {}, and {} workers of {} are too few to drain",
                              percent(load_ / have), have - left, have)};
  }
  // A quarter at once: what goes quickly would have to be started again.
  const auto count = std::min(have - left, std::max(1u, have / 4));
  return drain(count, have,
               fmt::format("busy {} for {:.0f} s, below {}", percent(load_ / have),
                           seconds(now - *lowSince_), percent(options_.low)),
               now);
}

}  // namespace webpool::sched
