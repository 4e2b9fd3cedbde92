#include "sched/time_quantile.h"

#include <algorithm>
#include <cmath>

namespace webpool::sched {
namespace {

const double kLogStep = std::log(1.04);
const double kLogFirst = std::log(0.1);

}  // namespace

void RatioHistogram::add(double ratio) {
  if (!std::isfinite(ratio) || ratio <= 0) return;
  const double bin = std::floor((std::log(ratio) - kLogFirst) / kLogStep);
  bins_[static_cast<std::size_t>(std::clamp(bin, 0.0, double(kBins - 1)))] += 1;
  count_ += 1;
  if (count_ < kHalveAt) return;
  for (auto& value : bins_) value /= 2;
  count_ /= 2;
}

std::optional<double> RatioHistogram::quantile(double share) const {
  if (share >= 1 || count_ * (1 - share) < 2) return std::nullopt;
  double above = count_ * (1 - share);
  for (std::size_t bin = kBins; bin-- > 0;) {
    above -= double(bins_[bin]);
    if (above <= 0) return std::exp(kLogFirst + kLogStep * double(bin + 1));
  }
  return std::nullopt;
}

}  // namespace webpool::sched
