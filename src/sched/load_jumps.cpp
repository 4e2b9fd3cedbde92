#include "sched/load_jumps.h"

#include <algorithm>
#include <cmath>

namespace webpool::sched {

void LoadJumps::add(double load, TimePoint now) {
  if (!std::isfinite(load)) return;
  load = std::max(load, options_.least);
  while (!past_.empty() && now - past_.front().first > options_.remembered) past_.pop_front();
  if (isUp_) {
    peak_ = std::max(peak_, load);
    const bool isOver = load < (base_ + peak_) / 2;
    if (!isOver && now - since_ <= options_.longest) return;
    isUp_ = false;
    if (isOver) past_.emplace_back(now, peak_);
    lows_.clear();  // what was before it is no measure for the next one
  }
  while (!lows_.empty() && lows_.back().second >= load) lows_.pop_back();
  lows_.emplace_back(now, load);
  while (now - lows_.front().first > options_.within) lows_.pop_front();
  if (load < options_.rise * lows_.front().second) return;
  isUp_ = true;
  since_ = now;
  base_ = lows_.front().second;
  peak_ = load;
}

double LoadJumps::usual() const {
  double most = 0, second = 0;
  for (const auto& [at, peak] : past_) {
    second = std::max(second, std::min(most, peak));
    most = std::max(most, peak);
  }
  return second;
}

}  // namespace webpool::sched
