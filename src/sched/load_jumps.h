// Remembers to what a load has jumped: bursts that nobody can foresee come again all the same, and
// workers that were drained between two of them have to be started anew. Pure.
#pragma once

#include <deque>
#include <utility>

#include "base/clock.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

struct JumpOptions {
  double rise = 1.4;  ///< times the least load of the last `within`: that is a jump
  /// Workers kept busy, below which loads are all alike.
  double least = 0.5;
  Duration within = std::chrono::minutes(2);
  /// A load that stays up for so long has not jumped, it has grown.
  Duration longest = std::chrono::minutes(10);
  Duration remembered = std::chrono::hours(2);
};

/// Times must not go backwards. Not thread-safe.
class LoadJumps {
 public:
  explicit LoadJumps(JumpOptions options = {}) : options_(options) {}

  /// The load at that moment, in workers kept busy and smoothed: chance is no jump.
  void add(double load, TimePoint now);

  /// What it jumped to at least twice in the time that is remembered: the highest such load. 0
  /// where it did not: one jump says nothing of the next.
  double usual() const;

 private:
  using Moment = std::pair<TimePoint, double>;

  JumpOptions options_;
  std::deque<Moment> lows_;  ///< of the last `within`, each lower than all after it
  std::deque<Moment> past_;  ///< when jumps ended, and what they came to
  bool isUp_ = false;
  TimePoint since_{};
  double base_ = 0;
  double peak_ = 0;
};

}  // namespace webpool::sched
