#include "sched/batch_bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace webpool::sched {
namespace {

/// What a run of that size takes, in milliseconds.
using Machine = std::function<double(double size)>;

/// Always enough waits; texts are of `each`, so that runs are whole multiples of it.
double totalOf(BatchBound& bound, const Machine& machine, int runs, double each,
               double most = 1e9) {
  std::mt19937 random(5);
  std::normal_distribution<double> noise(0, 0.1);
  double time = 0;
  double done = 0;
  for (int i = 0; i < runs; ++i) {
    const auto size = std::max(each, std::floor(bound.next(most) / each) * each);
    const auto took = machine(size) * std::exp(noise(random));
    bound.observe(size, took);
    time += took;
    done += size;
  }
  return time / done;
}

/// A processor whose caches hold so much: beyond, each unit costs three times as much.
Machine processor(double caches) {
  return [caches](double size) {
    return 2 + 0.01 * (std::min(size, caches) + 3 * std::max(0.0, size - caches));
  };
}

TEST(BatchBound, StaysSmallWhereLargeRunsAreSlow) {
  BatchBound bound(2048);
  totalOf(bound, processor(500), 400, 30);
  EXPECT_LE(bound.bound(), 1024);
  EXPECT_GE(bound.bound(), 256);
}

TEST(BatchBound, GrowsWhereARunCostsTheSameWhateverItHolds) {
  BatchBound bound(2048);
  totalOf(bound, [](double size) { return 100 + 1e-4 * size; }, 400, 30, 65'536);
  EXPECT_GE(bound.bound(), 32'768);
}

TEST(BatchBound, NeverAboveTheMost) {
  BatchBound bound(2048);
  for (int i = 0; i < 200; ++i) {
    EXPECT_LE(bound.next(1500), 1500);
    bound.observe(1500, 1);
  }
}

/// With what is tried out included, it comes near the best of all fixed bounds.
TEST(BatchBound, IsNearTheBestFixedBound) {
  for (const double caches : {200.0, 1000.0, 5000.0, 50'000.0}) {
    const auto machine = processor(caches);
    double best = 1e9;
    for (double fixed = 32; fixed <= 65'536; fixed *= 2) {
      best = std::min(best, machine(std::max(30.0, std::floor(fixed / 30) * 30)) /
                                std::max(30.0, std::floor(fixed / 30) * 30));
    }
    BatchBound bound(2048);
    EXPECT_LT(totalOf(bound, machine, 2000, 30), 1.12 * best) << caches;
  }
}

TEST(BatchBound, FollowsAMachineThatChanges) {
  BatchBound bound(2048);
  totalOf(bound, processor(300), 400, 30);
  EXPECT_LE(bound.bound(), 1024);
  totalOf(bound, [](double size) { return 200 + 0.001 * size; }, 600, 30, 65'536);
  EXPECT_GE(bound.bound(), 16'384);
}

/// No run is larger than a single text: nothing can be learned, and nothing goes wrong.
TEST(BatchBound, LongTextsGoAlone) {
  BatchBound bound(2048);
  totalOf(bound, processor(500), 400, 10'000);
  EXPECT_GT(bound.next(1e9), 0);
}

TEST(BatchBound, WhatIsNoMeasurementIsLeftOut) {
  BatchBound bound(1024);
  bound.observe(0, 1);
  bound.observe(10, 0);
  bound.observe(1e300, 1);
  EXPECT_EQ(bound.bound(), 1024);
}

}  // namespace
}  // namespace webpool::sched
