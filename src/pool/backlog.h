// What a worker still has to do, by how long each of its open runs was expected to take: they go
// one after the other. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "base/clock.h"

namespace webpool::pool {

/// Times must not go backwards. Not thread-safe.
class Backlog {
 public:
  using Id = std::uint64_t;

  Id add(base::Duration expected, base::TimePoint now) {
    if (runs_.empty()) front_ = now;
    runs_.push_back({next_, expected});
    return next_++;
  }

  void remove(Id id, base::TimePoint now) {
    const auto run = std::ranges::find(runs_, id, &Run::id);
    if (run == runs_.end()) return;
    if (run == runs_.begin()) {
      worked_ += now - front_;
      front_ = now;
    }
    runs_.erase(run);
    usedAt_ = now;
  }

  /// Until all are done. One that takes longer than it was expected to counts as nearly done.
  base::Duration remaining(base::TimePoint now) const {
    base::Duration left{};
    for (const auto& run : runs_) left += run.expected;
    if (runs_.empty()) return left;
    return left - std::min(runs_.front().expected, base::Duration(now - front_));
  }

  /// Time with a run under way, of all times until now.
  base::Duration worked(base::TimePoint now) const {
    return runs_.empty() ? worked_ : worked_ + (now - front_);
  }

  /// The epoch where there was none.
  base::TimePoint usedAt() const { return usedAt_; }
  std::size_t size() const { return runs_.size(); }

 private:
  struct Run {
    Id id = 0;
    base::Duration expected{};
  };
  std::deque<Run> runs_;
  base::TimePoint front_{};  ///< the first of them began
  base::TimePoint usedAt_{};
  base::Duration worked_{};
  Id next_ = 1;
};

}  // namespace webpool::pool
