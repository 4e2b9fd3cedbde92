#include "sched/drift_watch.h"

#include <algorithm>
#include <cmath>

namespace webpool::sched {

std::optional<double> DriftWatch::follow(Side& side, double excess, double logRatio) const {
  side.sum += excess - options_.slack;
  if (side.sum <= 0) {
    side = {};
    return std::nullopt;
  }
  side.total += logRatio;
  side.count += 1;
  if (side.sum < options_.limit) return std::nullopt;
  side.sum = options_.limit;
  const double mean = side.total / side.count;
  if (std::abs(mean) < std::log1p(options_.least)) return std::nullopt;
  return std::exp(mean);
}

std::optional<double> DriftWatch::add(double logRatio, double spread) {
  const double off = std::clamp(logRatio / spread, -options_.largest, options_.largest);
  // What a single wild run says of the size of the change is cut alike.
  const double told = off * spread;
  auto change = follow(slower_, off, told);
  if (!change) change = follow(faster_, -off, told);
  if (change) reset();
  return change;
}

void DriftWatch::reset() {
  slower_ = {};
  faster_ = {};
}

DriftWatch::Numbers DriftWatch::numbers() const noexcept {
  return {slower_.sum, slower_.total, slower_.count, faster_.sum, faster_.total, faster_.count};
}

void DriftWatch::restore(std::span<const double, kNumbers> numbers) {
  slower_ = {numbers[0], numbers[1], numbers[2]};
  faster_ = {numbers[3], numbers[4], numbers[5]};
}

}  // namespace webpool::sched
