#include "sched/health_score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace webpool::sched {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

const TimePoint kStart{hours(1)};

TEST(HealthScore, TheFormula) {
  EXPECT_DOUBLE_EQ(healthScore({}), 1);
  EXPECT_DOUBLE_EQ(healthScore({.successRate = 0.8}), 0.8);
  EXPECT_DOUBLE_EQ(healthScore({.missedHeartbeats = 2}), 0.25);
  EXPECT_DOUBLE_EQ(healthScore({.latencyRatio = 4}), 0.25);
  EXPECT_DOUBLE_EQ(healthScore({.latencyRatio = 0.1}), 1);  // faster than usual is no merit
  EXPECT_DOUBLE_EQ(healthScore({.memoryRatio = 2}), 0.5);
  EXPECT_DOUBLE_EQ(
      healthScore({.successRate = 0.5, .missedHeartbeats = 1, .latencyRatio = 2, .memoryRatio = 2}),
      0.0625);
}

TEST(HealthScore, WhatIsNoNumberCountsAsWorst) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(healthScore({.successRate = nan}), 0);
  EXPECT_EQ(healthScore({.latencyRatio = nan}), 0);
  EXPECT_EQ(healthScore({.memoryRatio = nan}), 0);
  EXPECT_EQ(healthScore({.latencyRatio = std::numeric_limits<double>::infinity()}), 0);
}

TEST(HealthScore, NeverRisesWhenAnInputGetsWorse) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> unit(0, 1), ratio(0, 20), more(0, 5);
  for (int i = 0; i < 20'000; ++i) {
    const HealthInputs inputs{unit(random), static_cast<unsigned>(random() % 6), ratio(random),
                              ratio(random)};
    const double score = healthScore(inputs);
    ASSERT_GE(score, 0);
    ASSERT_LE(score, 1);
    auto worse = inputs;
    switch (i % 4) {
      case 0:
        worse.successRate -= more(random);
        break;
      case 1:
        worse.missedHeartbeats += static_cast<unsigned>(random() % 2000);
        break;
      case 2:
        worse.latencyRatio += more(random);
        break;
      default:
        worse.memoryRatio += more(random);
    }
    ASSERT_LE(healthScore(worse), score);
    ASSERT_GE(healthScore(worse), 0);
  }
}

TEST(HealthTracker, ANewWorkerIsHealthy) {
  EXPECT_EQ(HealthTracker().score(kStart), 1);
}

TEST(HealthTracker, FailuresLowerTheScoreAndAreForgivenWithTime) {
  HealthTracker tracker;
  for (int i = 0; i < 9; ++i) tracker.succeeded(milliseconds(10), kStart);
  EXPECT_EQ(tracker.score(kStart), 1);
  for (int i = 0; i < 10; ++i) tracker.failed(kStart);
  EXPECT_DOUBLE_EQ(tracker.score(kStart), 10.0 / 20.0);
  double last = 0.5;
  for (int i = 1; i <= 20; ++i) {
    const double score = tracker.score(kStart + i * minutes(2));
    EXPECT_GT(score, last);
    last = score;
  }
  EXPECT_GT(last, 0.999);
  EXPECT_DOUBLE_EQ(tracker.inputs(kStart + minutes(2)).successRate, 5.5 / 10.5);
}

TEST(HealthTracker, RecentResultsWeighMore) {
  HealthTracker improved, worsened;
  for (int i = 0; i < 10; ++i) {
    improved.failed(kStart);
    worsened.succeeded(milliseconds(10), kStart);
  }
  const auto later = kStart + minutes(4);
  for (int i = 0; i < 10; ++i) {
    improved.succeeded(milliseconds(10), later);
    worsened.failed(later);
  }
  EXPECT_GT(improved.score(later), worsened.score(later));
  EXPECT_DOUBLE_EQ(improved.inputs(later).successRate, 11 / 13.5);
  EXPECT_DOUBLE_EQ(worsened.inputs(later).successRate, 3.5 / 13.5);
}

TEST(HealthTracker, MissedHeartbeatsUntilOneIsSeen) {
  HealthTracker tracker;
  tracker.heartbeatMissed();
  tracker.heartbeatMissed();
  EXPECT_EQ(tracker.score(kStart), 0.25);
  tracker.heartbeatSeen();
  EXPECT_EQ(tracker.score(kStart), 1);
}

TEST(HealthTracker, LatencyAgainstItsOwnMedian) {
  HealthTracker tracker;
  for (int i = 0; i < 9; ++i) tracker.succeeded(milliseconds(i < 4 ? 10 : 100), kStart);
  EXPECT_EQ(tracker.inputs(kStart).latencyRatio, 1);  // too few to say
  for (int i = 0; i < 90; ++i) tracker.succeeded(milliseconds(10), kStart);
  EXPECT_EQ(tracker.inputs(kStart).latencyRatio, 1);
  tracker.succeeded(milliseconds(500), kStart);  // one outlier is none
  EXPECT_EQ(tracker.inputs(kStart).latencyRatio, 1);
  for (int i = 0; i < 4; ++i) tracker.succeeded(milliseconds(40), kStart);
  EXPECT_EQ(tracker.inputs(kStart).latencyRatio, 4);
  EXPECT_EQ(tracker.medianLatency(), milliseconds(10));
  for (int i = 0; i < 200; ++i) tracker.succeeded(milliseconds(40), kStart);
  EXPECT_EQ(tracker.inputs(kStart).latencyRatio, 1);  // it is what it always takes now
}

TEST(HealthTracker, MemoryAgainstWhatIsExpected) {
  HealthTracker tracker;
  tracker.memorySampled(300, 100);
  EXPECT_DOUBLE_EQ(tracker.score(kStart), 1.0 / 3.0);
  tracker.memorySampled(300, 0);
  EXPECT_EQ(tracker.score(kStart), 1);
}

}  // namespace
}  // namespace webpool::sched
