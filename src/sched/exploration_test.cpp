#include "sched/exploration.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace webpool::sched {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

const EngineChance kKnown{milliseconds(10), milliseconds(1), 100, {}};
const EngineChance kUnknown{milliseconds(15), milliseconds(8), 0, {}};

/// How many of so many calls try something.
int tries(const ExplorationCall& call, const std::vector<EngineChance>& engines, int calls = 1000) {
  Exploration exploration;
  int count = 0;
  for (int i = 0; i < calls; ++i) {
    if (exploration.choose(call, engines)) ++count;
  }
  EXPECT_EQ(exploration.tries(), static_cast<std::uint64_t>(count));
  return count;
}

TEST(Exploration, TwoCallsInAHundredTryTheUnknown) {
  EXPECT_EQ(tries({}, {kKnown, kUnknown}), 20);
  Exploration exploration;
  const std::vector engines{kKnown, kUnknown};
  for (int i = 0; i < 49; ++i) EXPECT_FALSE(exploration.choose({}, engines));
  EXPECT_EQ(exploration.choose({}, engines), 1u);
}

TEST(Exploration, InteractiveCallsNeverDo) {
  EXPECT_EQ(tries({.priority = 1, .allowed = {}}, {kKnown, kUnknown}), 0);
}

TEST(Exploration, NorThoseWhoseDeadlineIsNear) {
  // Expected 15 ms, and two deviations more are 31: twice that is what there must be.
  EXPECT_EQ(tries({.priority = 2, .allowed = milliseconds(61)}, {kKnown, kUnknown}), 0);
  EXPECT_EQ(tries({.priority = 2, .allowed = milliseconds(62)}, {kKnown, kUnknown}), 20);
}

TEST(Exploration, WhatIsKnownIsNotTried) {
  auto known = kUnknown;
  known.observations = 8;
  EXPECT_EQ(tries({}, {kKnown, known}), 0);
  known.unusedFor = minutes(10);
  EXPECT_EQ(tries({}, {kKnown, known}), 20);
}

TEST(Exploration, NorWhatIsSurelyWorse) {
  EXPECT_EQ(tries({}, {kKnown, {milliseconds(30), milliseconds(5), 0, {}}}), 0);
  EXPECT_EQ(tries({}, {kKnown, {milliseconds(41), milliseconds(40), 0, {}}}), 0);
  EXPECT_EQ(tries({}, {kKnown}), 0);
  EXPECT_EQ(tries({}, {}), 0);
}

TEST(Exploration, TheLeastKnownComesFirst) {
  Exploration exploration({.share = 1});
  auto better = kUnknown;
  better.observations = 3;
  EXPECT_EQ(exploration.choose({}, std::vector{kKnown, better, kUnknown}), 2u);
}

TEST(Exploration, TheShareIsKeptWhateverComes) {
  std::mt19937_64 random(5);
  Exploration exploration;
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    std::vector<EngineChance> engines(1 + random() % 4);
    for (auto& engine : engines) {
      engine = {milliseconds(1 + random() % 50), milliseconds(random() % 50), double(random() % 12),
                minutes(random() % 12)};
    }
    const ExplorationCall call{1 + static_cast<unsigned>(random() % 3),
                               milliseconds(random() % 500)};
    const auto chosen = exploration.choose(call, engines);
    ASSERT_LE(double(exploration.tries()), 0.02 * double(i));
    if (!chosen) continue;
    ASSERT_GT(call.priority, 1u);
    ASSERT_LT(engines[*chosen].expected + 2 * engines[*chosen].sigma, *call.allowed);
  }
  EXPECT_GT(exploration.tries(), 100u);
}

}  // namespace
}  // namespace webpool::sched
