#include "sched/scaling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <random>
#include <vector>

namespace webpool::sched {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

const TimePoint kStart{hours(1)};
constexpr std::uint64_t kMiB = 1 << 20;

/// A pool that does what is decided at once, under a load given in workers kept busy.
class FollowingPool {
 public:
  explicit FollowingPool(ScalingOptions options, unsigned workers = 1)
      : workers(workers), scaling(options) {}

  ScalingDecision tick(double load) {
    now += seconds(1);
    ScalingInputs inputs{.workers = workers};
    inputs.busy = workers > 0 ? std::min(1.0, load / workers) : 0;
    if (load > workers) {
      inputs.queued = 5;
      inputs.queueWait = seconds(1);
    }
    auto decision = scaling.tick(inputs, now);
    workers = decision.target;
    if (decision.action == ScalingAction::Add) {
      ++adds;
      if (drainedAt && now - *drainedAt < minutes(2)) ++thrashes;
    }
    if (decision.action == ScalingAction::Drain) {
      ++drains;
      drainedAt = now;
    }
    return decision;
  }
  void run(Duration time, const std::function<double(double)>& load) {
    const auto until = now + time;
    while (now < until) tick(load(std::chrono::duration<double>(now - kStart).count()));
  }

  unsigned workers;
  int adds = 0, drains = 0;
  int thrashes = 0;  ///< drains for nothing
  std::optional<TimePoint> drainedAt;
  TimePoint now = kStart;
  Scaling scaling;
};

TEST(Scaling, AddsWhereWorkersAreBusyAndSaysWhy) {
  FollowingPool pool({.max = 8}, 2);
  const auto decision = pool.tick(1.6);
  EXPECT_EQ(decision.action, ScalingAction::Add);
  EXPECT_EQ(decision.target, 4u);  // 1.6 of 4 is midway
  EXPECT_THAT(decision.reason, HasSubstr("busy 80 %"));
  EXPECT_THAT(decision.reason, HasSubstr("70 %"));
  EXPECT_FALSE(decision.foreseen);
}

TEST(Scaling, AddsWhereCallsWaitThoughWorkersAreNotBusy) {
  Scaling scaling({.max = 8});
  const auto decision = scaling.tick(
      {.workers = 2, .busy = 0.5, .queueWait = milliseconds(900), .queued = 3}, kStart);
  EXPECT_EQ(decision.action, ScalingAction::Add);
  EXPECT_THAT(decision.reason, HasSubstr("wait 900 ms"));
}

TEST(Scaling, WhatIsStartingCountsAsThere) {
  Scaling scaling({.max = 8});
  EXPECT_EQ(scaling.tick({.workers = 2, .starting = 2, .busy = 1}, kStart).action,
            ScalingAction::Hold);
}

TEST(Scaling, DrainsAfterItWasIdleForTheCooldown) {
  FollowingPool pool({.max = 8}, 6);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(pool.tick(0.2).action, ScalingAction::Hold);
  const auto decision = pool.tick(0.2);
  EXPECT_EQ(decision.action, ScalingAction::Drain);
  EXPECT_EQ(decision.count, 1u);  // a quarter
  EXPECT_THAT(decision.reason, HasSubstr("below 30 %"));
  pool.run(minutes(10), [](double) { return 0.2; });
  EXPECT_EQ(pool.workers, 1u);
}

TEST(Scaling, OneBusyMomentStopsADrain) {
  FollowingPool pool({.max = 8}, 4);
  pool.run(minutes(30), [](double t) { return std::fmod(t, 25) < 10 ? 2.0 : 0.2; });
  EXPECT_EQ(pool.workers, 4u);
  EXPECT_EQ(pool.drains, 0);
}

TEST(Scaling, BetweenTheThresholdsNothingHappens) {
  FollowingPool pool({.max = 8}, 4);
  pool.run(hours(1), [](double t) { return 2 + 0.7 * std::sin(t / 40); });
  EXPECT_EQ(pool.adds + pool.drains, 0);
}

TEST(Scaling, ALoadAroundTheThresholdMakesItAddOnce) {
  for (const double period : {3.0, 20.0, 65.0, 150.0, 600.0}) {
    FollowingPool pool({.max = 16}, 4);
    pool.run(hours(6), [&](double t) { return 4 * (0.7 + 0.1 * std::sin(6.28 * t / period)); });
    EXPECT_LE(pool.adds, 1) << period;
    EXPECT_EQ(pool.drains, 0) << period;
  }
}

TEST(Scaling, ALoadThatSwingsPastBothMakesItPatient) {
  ScalingOptions options{.max = 8};
  options.predictive = false;
  FollowingPool pool(options, 1);
  pool.run(hours(4), [](double t) { return std::fmod(t, 120) < 60 ? 3.0 : 0.1; });
  // 120 swings of a minute each; without patience each would cost an addition and a drain.
  EXPECT_GT(pool.scaling.regrets(), 0u);
  EXPECT_LT(pool.adds, 30);
  EXPECT_LT(pool.drains, 30);
}

TEST(Scaling, WorkersStayForALoadThatJumpsAgainAndAgain) {
  ScalingOptions options{.max = 16};
  options.predictive = false;
  FollowingPool pool(options, 2);
  std::mt19937_64 random(4);
  const auto jump = [&] {
    pool.run(minutes(20 + random() % 20), [](double) { return 1.0; });
    pool.run(minutes(1), [](double) { return 4.0; });
  };
  jump();
  jump();
  pool.run(minutes(5), [](double) { return 1.0; });
  EXPECT_GE(pool.workers, 6u);  // 4 of 6 are below 70 %
  EXPECT_THAT(pool.tick(1.0).reason, HasSubstr("again and again"));
  const int before = pool.adds + pool.drains;
  for (int i = 0; i < 20; ++i) jump();
  EXPECT_LE(pool.adds + pool.drains, before + 2);
  pool.run(hours(3), [](double) { return 1.0; });
  EXPECT_LE(pool.workers, 3u);  // not for ever
}

TEST(Scaling, OneJumpKeepsNobody) {
  FollowingPool pool({.max = 16}, 2);
  pool.run(minutes(10), [](double) { return 1.0; });
  pool.run(minutes(1), [](double) { return 6.0; });
  EXPECT_GE(pool.workers, 6u);
  pool.run(minutes(5), [](double) { return 0.2; });
  EXPECT_EQ(pool.workers, 1u);
}

TEST(Scaling, DaysOfBurstsHaveHardlyADrainForNothing) {
  int thrashes = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<double> bursts;
    for (int i = 0; i < 24; ++i) bursts.push_back(double(random() % 86'400));
    FollowingPool pool({.min = 2, .max = 64}, 4);
    pool.run(hours(24), [&](double t) {
      double load = 6.5 - 5.2 * std::cos(6.2832 * t / 86'400);
      if (std::fmod(t, 3600) < 240) load *= 2;
      const auto within = [t](double start) { return t >= start && t < start + 60; };
      if (std::ranges::any_of(bursts, within)) load *= 2.5;
      return load * (0.85 + double(random() % 300) / 1000);
    });
    EXPECT_LE(pool.thrashes, 2) << seed;
    EXPECT_LE(pool.drains, 45) << seed;
    thrashes += pool.thrashes;
  }
  EXPECT_LE(thrashes, 3);
}

TEST(Scaling, WhatIsHardlyWorthItIsNotDrained) {
  Scaling scaling({.max = 64});
  ScalingDecision decision;
  for (int i = 0; i < 100; ++i) {
    decision = scaling.tick({.workers = 20, .busy = 0.29}, kStart + seconds(i));
    ASSERT_EQ(decision.count, decision.action == ScalingAction::Hold ? 0u : 5u);
    if (decision.action == ScalingAction::Drain) break;
  }
  EXPECT_EQ(decision.action, ScalingAction::Drain);  // 12 would do
  // 16 of 19 would be needed at a lower bound of 0.41.
  Scaling narrow({.max = 64, .high = 0.56, .low = 0.41});
  for (int i = 0; i < 100; ++i) {
    decision = narrow.tick({.workers = 19, .busy = 0.405}, kStart + seconds(i));
    ASSERT_EQ(decision.action, ScalingAction::Hold) << i;
  }
  EXPECT_THAT(decision.reason, HasSubstr("too few"));
}

TEST(Scaling, DeadWorkersAreReplacedAtOnce) {
  FollowingPool pool({.min = 3, .max = 8}, 3);
  pool.tick(1.5);
  pool.workers = 1;
  EXPECT_EQ(pool.tick(0.5).action, ScalingAction::Add);
  EXPECT_EQ(pool.workers, 3u);
  pool.workers = 2;  // within the cooldown
  const auto decision = pool.tick(0.5);
  EXPECT_EQ(decision.count, 1u);
  EXPECT_THAT(decision.reason, HasSubstr("at least 3"));
}

TEST(Scaling, MemoryAndCoresBound) {
  ScalingInputs inputs{.workers = 4, .busy = 1};
  inputs.memoryBudget = 1000 * kMiB;
  inputs.memoryUsed = 850 * kMiB;
  inputs.memoryPerWorker = 100 * kMiB;
  EXPECT_EQ(Scaling({.max = 16}).tick(inputs, kStart).target, 5u);
  inputs.starting = 1;
  auto held = Scaling({.max = 16}).tick(inputs, kStart);
  EXPECT_EQ(held.action, ScalingAction::Hold);
  EXPECT_THAT(held.reason, HasSubstr("the memory budget"));
  inputs.starting = 0;
  inputs.memoryUsed = 1150 * kMiB;
  const auto over = Scaling({.max = 16}).tick(inputs, kStart);
  EXPECT_EQ(over.action, ScalingAction::Drain);
  EXPECT_EQ(over.target, 2u);
  inputs.memoryBudget = 0;
  inputs.cores = 4;
  held = Scaling({.max = 16}).tick(inputs, kStart);
  EXPECT_EQ(held.action, ScalingAction::Hold);
  EXPECT_THAT(held.reason, HasSubstr("the cores"));
}

TEST(Scaling, ARepeatingLoadIsMetBeforeItComes) {
  ScalingOptions options{.max = 16};
  const auto load = [](double t) { return std::fmod(t, 1200) > 900 ? 6.0 : 1.0; };
  FollowingPool pool(options, 2);
  pool.run(hours(3), load);
  ASSERT_TRUE(pool.scaling.period());
  EXPECT_EQ(*pool.scaling.period(), minutes(20));
  // The next burst is 15 minutes off; by its first second there are workers for it.
  bool foreseen = false;
  pool.run(seconds(901), [&](double t) {
    foreseen = foreseen || pool.workers >= 8;
    return load(t);
  });
  EXPECT_TRUE(foreseen);
  EXPECT_GE(pool.workers, 8u);
}

TEST(Scaling, RandomLoadsKeepAllBounds) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 100; ++round) {
    const auto min = static_cast<unsigned>(1 + random() % 4);
    const ScalingOptions options{.min = min, .max = min + static_cast<unsigned>(random() % 12)};
    Scaling scaling(options);
    unsigned workers = min;
    auto now = kStart;
    std::optional<TimePoint> last;
    double load = 1;
    for (int i = 0; i < 2000; ++i) {
      now += milliseconds(200 + random() % 3000);
      load = std::clamp(load + double(random() % 200) / 100 - 1, 0.0, 30.0);
      ScalingInputs inputs{.workers = workers, .busy = std::min(1.0, load / workers)};
      inputs.queued = load > workers ? 4 : 0;
      inputs.queueWait = milliseconds(random() % 500);
      inputs.memoryPerWorker = 100 * kMiB;
      inputs.memoryUsed = workers * 100 * kMiB;
      inputs.memoryBudget = std::max<std::uint64_t>(min, 9) * 100 * kMiB;
      const auto decision = scaling.tick(inputs, now);
      ASSERT_FALSE(decision.reason.empty());
      ASSERT_EQ(decision.action == ScalingAction::Hold, decision.count == 0);
      ASSERT_GE(decision.target, options.min);
      ASSERT_LE(decision.target, options.max);
      ASSERT_LE(decision.target * inputs.memoryPerWorker, inputs.memoryBudget);
      if (decision.count == 0) continue;
      if (last) ASSERT_GE(now - *last, seconds(30));
      last = now;
      workers = decision.target;
    }
  }
}

TEST(Scaling, NonsenseIsNoReason) {
  Scaling scaling({.max = 4});
  EXPECT_EQ(scaling.tick({.workers = 2, .busy = std::nan("")}, kStart).action, ScalingAction::Hold);
  EXPECT_EQ(scaling.tick({.workers = 2, .busy = -5}, kStart + seconds(1)).action,
            ScalingAction::Hold);
}

TEST(LoadForecast, ALoadWithoutAPeriodHasNone) {
  std::mt19937_64 random(2);
  LoadForecast forecast;
  double load = 5;
  for (int i = 0; i < 3000; ++i) {
    load = std::clamp(load + double(random() % 200) / 100 - 1, 0.0, 10.0);
    forecast.add(load, kStart + minutes(i));
  }
  EXPECT_EQ(forecast.most(minutes(5)).load, load);
  LoadForecast steady;
  for (int i = 0; i < 3000; ++i) steady.add(3, kStart + minutes(i));
  EXPECT_FALSE(steady.period());
  EXPECT_EQ(steady.most(hours(1)).load, 3);
}

TEST(LoadForecast, FindsADayUnderNoise) {
  std::mt19937_64 random(2);
  LoadForecast forecast;
  const auto load = [](int minute) { return 5 + 4 * std::sin(6.2832 * minute / 1440); };
  const int end = 2 * 1440 + 400;
  for (int i = 0; i < end; ++i)
    forecast.add(load(i) + double(random() % 100) / 100, kStart + minutes(i));
  ASSERT_TRUE(forecast.period());
  EXPECT_NEAR(double(std::chrono::duration_cast<minutes>(*forecast.period()).count()), 1440, 45);
  EXPECT_NEAR(forecast.most(minutes(1)).load, load(end) + 0.5, 1.2);
}

}  // namespace
}  // namespace webpool::sched
