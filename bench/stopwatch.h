// Wall-clock time of a piece of code.
#pragma once

#include <chrono>

namespace webpool::bench {

class Stopwatch {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(Clock::now() - began_).count();
  }
  double seconds() const { return milliseconds() / 1000; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point began_ = Clock::now();
};

}  // namespace webpool::bench
