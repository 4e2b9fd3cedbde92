#include "sched/batch_bound.h"

#include <algorithm>
#include <cmath>

namespace webpool::sched {
namespace {

constexpr int kReach = 2;             // steps to each side
constexpr std::uint64_t kEnough = 3;  // runs of a size, before it is believed
constexpr double kBetter = 0.97;      // what another size has to reach
constexpr double kOutlier = 3;
constexpr double kRemembered = 10;  // runs

int stepOf(double size) {
  return static_cast<int>(std::ceil(std::log2(std::max(size, 1.0))));
}

/// Of sixteen runs one is larger by a step, one by two, and as many are smaller.
int offsetOf(std::uint64_t run) {
  switch (run % 16) {
    case 3:
      return -1;
    case 6:
      return +1;
    case 9:
      return -2;
    case 12:
      return +2;
    default:
      return 0;
  }
}

}  // namespace

BatchBound::BatchBound(double first) : at_(std::clamp(stepOf(first), 0, kSteps - 1)) {}

double BatchBound::bound() const {
  return std::ldexp(1.0, at_);
}

double BatchBound::next(double most) {
  // A bound that is never reached would have nothing to be compared with.
  at_ = std::min(at_, std::clamp(stepOf(most), 0, kSteps - 1));
  const int step = std::clamp(at_ + offset(), 0, kSteps - 1);
  return std::min(most, std::ldexp(1.0, step));
}

int BatchBound::offset() {
  const auto run = asked_++;
  const int offset = offsetOf(run);
  const int step = std::clamp(at_ + offset, 0, kSteps - 1);
  const bool known = costs_.at(static_cast<std::size_t>(step)).runs >= 2 * kEnough;
  return known && run / 16 % 8 != 0 ? 0 : offset;
}

void BatchBound::observe(double size, double milliseconds) {
  if (!(size > 0) || !(milliseconds > 0)) return;
  auto& cost = costs_.at(static_cast<std::size_t>(std::clamp(stepOf(size), 0, kSteps - 1)));
  auto each = milliseconds / size;
  if (cost.runs >= kEnough) each = std::clamp(each, cost.each / kOutlier, cost.each * kOutlier);
  ++cost.runs;
  cost.each += (each - cost.each) / std::min(double(cost.runs), kRemembered);
  climb();
}

void BatchBound::climb() {
  const auto known = [this](int step) -> const Cost* {
    if (step < 0 || step >= kSteps) return nullptr;
    const auto& cost = costs_.at(static_cast<std::size_t>(step));
    return cost.runs >= kEnough ? &cost : nullptr;
  };
  const auto* here = known(at_);
  if (here == nullptr) return;
  int best = at_;
  double least = here->each * kBetter;
  for (int step = at_ - kReach; step <= at_ + kReach; ++step) {
    const auto* cost = known(step);
    if (cost == nullptr || cost->each >= least) continue;
    best = step;
    least = cost->each;
  }
  at_ = best;
}

}  // namespace webpool::sched
