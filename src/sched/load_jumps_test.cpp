#include "sched/load_jumps.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace webpool::sched {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const TimePoint kStart{hours(1)};

/// Told each second.
class Watched {
 public:
  void run(Duration time, const std::function<double()>& load) {
    for (const auto until = now + time; now < until; now += seconds(1)) jumps.add(load(), now);
  }
  void run(Duration time, double load) {
    run(time, [load] { return load; });
  }
  void jump(double from, double to, Duration apart = minutes(20)) {
    run(apart, from);
    run(minutes(1), to);
    run(minutes(1), from);
  }

  TimePoint now = kStart;
  LoadJumps jumps;
};

TEST(LoadJumps, OneJumpSaysNothing) {
  Watched watched;
  watched.jump(2, 5);
  EXPECT_EQ(watched.jumps.usual(), 0);
}

TEST(LoadJumps, WhatItReachesTwiceIsUsual) {
  Watched watched;
  watched.jump(2, 5);
  watched.jump(2, 9);
  EXPECT_EQ(watched.jumps.usual(), 5);
  watched.jump(2, 7);
  EXPECT_EQ(watched.jumps.usual(), 7);
  watched.jump(2, 9);
  EXPECT_EQ(watched.jumps.usual(), 9);
}

TEST(LoadJumps, JumpsAreForgotten) {
  Watched watched;
  watched.jump(2, 9);
  watched.jump(2, 9);
  watched.run(minutes(90), 2);
  EXPECT_EQ(watched.jumps.usual(), 9);
  watched.run(minutes(30), 2);
  EXPECT_EQ(watched.jumps.usual(), 0);
}

TEST(LoadJumps, WhatGrowsSlowlyOrStaysUpHasNotJumped) {
  Watched watched;
  for (int day = 0; day < 3; ++day) {
    double load = 1;
    watched.run(minutes(60), [&] { return load += 0.005; });
    watched.run(minutes(60), [&] { return load -= 0.005; });
  }
  EXPECT_EQ(watched.jumps.usual(), 0);
  for (int step = 0; step < 3; ++step) {
    watched.run(minutes(11), 1);
    watched.run(minutes(11), 4);
  }
  EXPECT_EQ(watched.jumps.usual(), 0);
}

TEST(LoadJumps, ALittleChanceIsNone) {
  std::mt19937_64 random(3);
  Watched watched;
  watched.run(hours(3), [&] { return 5 + double(random() % 150) / 100; });
  EXPECT_EQ(watched.jumps.usual(), 0);
  // Nor is what is next to nothing.
  watched.run(hours(3), [&] { return double(random() % 50) / 100; });
  EXPECT_EQ(watched.jumps.usual(), 0);
}

TEST(LoadJumps, NonsenseChangesNothing) {
  Watched watched;
  watched.jump(2, 6);
  watched.jump(2, 6);
  watched.jumps.add(std::nan(""), watched.now);
  watched.jumps.add(std::numeric_limits<double>::infinity(), watched.now);
  EXPECT_EQ(watched.jumps.usual(), 6);
}

}  // namespace
}  // namespace webpool::sched
