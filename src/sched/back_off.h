// How long to wait before the next attempt: longer after each failure, up to a limit, so that a
// browser that can't start does not keep the machine busy.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace webpool::sched {

struct BackOffOptions {
  base::Duration first = std::chrono::milliseconds(500);
  base::Duration cap = std::chrono::seconds(30);
};

class BackOff {
 public:
  explicit BackOff(BackOffOptions options = {}) : options_(options) {}

  /// One more failure; what to wait now: first, 2 · first, 4 · first, … cap.
  base::Duration failed() noexcept {
    next_ = failures_ == 0 ? options_.first : next_ > options_.cap / 2 ? options_.cap : next_ * 2;
    ++failures_;
    return std::min(next_, options_.cap);
  }

  void reset() noexcept { failures_ = 0; }
  /// Since the last reset.
  unsigned failures() const noexcept { return failures_; }

 private:
  BackOffOptions options_;
  unsigned failures_ = 0;
  base::Duration next_{};
};

}  // namespace webpool::sched
