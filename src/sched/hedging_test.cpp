#include "sched/hedging.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace webpool::sched {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

const TimePoint kStart{hours(1)};
const HedgingRoom kRoom{.idleWorker = true, .idleCores = 1};
const RunUnderWay kRun{.key = 7, .started = kStart, .expected = milliseconds(100)};

/// Runs expected at 100 ms that take 80 to 120, one in a hundred 500; and budget for 8.
Hedging taught(HedgingOptions options = {}) {
  Hedging hedging(options);
  for (int i = 0; i < 1000; ++i) {
    hedging.began();
    hedging.ended(7, milliseconds(100), milliseconds(i % 100 == 0 ? 500 : 80 + i % 41));
  }
  return hedging;
}

TEST(RatioHistogram, AQuantileWithinABin) {
  std::mt19937_64 random(4);
  std::lognormal_distribution<double> spread(0, 0.5);
  RatioHistogram histogram;
  std::vector<double> values;
  for (int i = 0; i < 3000; ++i) {
    values.push_back(spread(random));
    histogram.add(values.back());
  }
  std::ranges::sort(values);
  for (const double share : {0.5, 0.9, 0.99}) {
    const double exact = values[static_cast<std::size_t>(share * 3000)];
    EXPECT_NEAR(*histogram.quantile(share) / exact, 1, 0.06) << share;
  }
}

TEST(RatioHistogram, SaysNothingBeforeItCanTell) {
  RatioHistogram histogram;
  for (int i = 0; i < 199; ++i) histogram.add(1);
  EXPECT_FALSE(histogram.quantile(0.99));
  EXPECT_TRUE(histogram.quantile(0.9));
  histogram.add(1);
  ASSERT_TRUE(histogram.quantile(0.99));
  EXPECT_NEAR(*histogram.quantile(0.99), 1, 0.05);
  EXPECT_FALSE(histogram.quantile(1));
}

TEST(RatioHistogram, ForgetsAndTakesNoNonsense) {
  RatioHistogram histogram;
  histogram.add(std::nan(""));
  histogram.add(0);
  histogram.add(-1);
  histogram.add(std::numeric_limits<double>::infinity());
  EXPECT_EQ(histogram.count(), 0);
  histogram.add(1e-300);
  histogram.add(1e300);
  EXPECT_EQ(histogram.count(), 2);
  for (int i = 0; i < 5000; ++i) histogram.add(5);
  for (int i = 0; i < 40'000; ++i) histogram.add(1);
  EXPECT_NEAR(*histogram.quantile(0.99), 1, 0.05);
}

TEST(Hedging, PastItsUsualLongestASecondWorkerIsTried) {
  const auto hedging = taught();
  const auto late = hedging.lateAt(kRun);
  ASSERT_TRUE(late);
  EXPECT_GT(*late, kStart + milliseconds(119));
  EXPECT_LT(*late, kStart + milliseconds(530));
  EXPECT_EQ(hedging.judge(kRun, kRoom, *late - milliseconds(1)), HedgeVerdict::NotLate);
  EXPECT_EQ(hedging.judge(kRun, kRoom, *late), HedgeVerdict::Hedge);
}

TEST(Hedging, ALongerRunIsLateLater) {
  const auto hedging = taught();
  auto longer = kRun;
  longer.expected = 3 * kRun.expected;
  EXPECT_EQ((*hedging.lateAt(longer) - kStart) / milliseconds(3),
            (*hedging.lateAt(kRun) - kStart) / milliseconds(1));
}

TEST(Hedging, AShortRunIsNotLateForAMillisecond) {
  const auto hedging = taught();
  auto brief = kRun;
  brief.expected = milliseconds(1);
  EXPECT_EQ(*hedging.lateAt(brief), kStart + milliseconds(20));
}

TEST(Hedging, NotWhereItWouldHarm) {
  const auto hedging = taught();
  const auto now = kStart + hours(1);
  auto run = kRun;
  run.streams = true;
  EXPECT_EQ(hedging.judge(run, kRoom, now), HedgeVerdict::Streams);
  EXPECT_FALSE(hedging.lateAt(run));
  run = kRun;
  run.hedged = true;
  EXPECT_EQ(hedging.judge(run, kRoom, now), HedgeVerdict::AlreadyHedged);
  EXPECT_EQ(hedging.judge(kRun, {.idleWorker = false, .idleCores = 1}, now),
            HedgeVerdict::NoWorker);
  EXPECT_EQ(hedging.judge(kRun, {.idleWorker = true, .idleCores = 0}, now), HedgeVerdict::NoCore);
  run = kRun;
  run.key = 8;
  EXPECT_EQ(hedging.judge(run, kRoom, now), HedgeVerdict::Unknown);
  EXPECT_EQ(hedgeVerdictName(HedgeVerdict::NoCore), "no idle core");
}

TEST(Hedging, TwoRunsInAHundredWhateverHappens) {
  Hedging hedging;
  const auto now = kStart + hours(1);
  for (int i = 0; i < 300; ++i) hedging.ended(7, milliseconds(100), milliseconds(100));
  EXPECT_EQ(hedging.judge(kRun, kRoom, now), HedgeVerdict::Budget);  // none has been earned
  for (std::uint64_t i = 1; i <= 10'000; ++i) {
    hedging.began();
    if (hedging.judge(kRun, kRoom, now) == HedgeVerdict::Hedge) hedging.hedged();
    ASSERT_LE(double(hedging.hedges()), 0.02 * double(i) + 1e-6);
  }
  EXPECT_GE(hedging.hedges(), 199u);
}

TEST(Hedging, AQuietTimeEarnsNoMoreThanABurst) {
  auto hedging = taught();
  const auto now = kStart + hours(1);
  int burst = 0;
  while (hedging.judge(kRun, kRoom, now) == HedgeVerdict::Hedge) {
    hedging.hedged();
    ++burst;
  }
  EXPECT_EQ(burst, 8);
}

}  // namespace
}  // namespace webpool::sched
