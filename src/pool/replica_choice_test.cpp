#include "pool/replica_choice.h"

#include <gtest/gtest.h>

#include <vector>

namespace webpool::pool {
namespace {

using std::chrono::milliseconds;

std::size_t chosen(const std::vector<Candidate>& candidates) {
  return chooseReplica(candidates).value_or(candidates.size());
}

TEST(ReplicaChoice, NobodyIsChosenAmongNone) {
  EXPECT_EQ(chooseReplica({}), std::nullopt);
}

TEST(ReplicaChoice, FreeOneBeforeABusyOne) {
  EXPECT_EQ(chosen({{.openRuns = 2}, {.openRuns = 0}, {.openRuns = 1}}), 1U);
}

TEST(ReplicaChoice, ExpectedFirstAnswerWins) {
  // 3 runs of 10 ms are done before one of 50 ms.
  EXPECT_EQ(chosen({{.openRuns = 2, .latency = milliseconds(10)},
                    {.openRuns = 0, .latency = milliseconds(50)}}),
            0U);
  EXPECT_EQ(chosen({{.openRuns = 5, .latency = milliseconds(10)},
                    {.openRuns = 0, .latency = milliseconds(50)}}),
            1U);
}

TEST(ReplicaChoice, WhatIsKnownOfItsOpenRunsCountsMoreThanTheirNumber) {
  EXPECT_EQ(chosen({{.openRuns = 1, .latency = milliseconds(10), .ahead = milliseconds(100)},
                    {.openRuns = 2, .latency = milliseconds(10), .ahead = milliseconds(5)}}),
            1U);
}

TEST(ReplicaChoice, OneThatHasNotRunIsTriedOnlyWhenItsWaitIsShorter) {
  const Candidate known{.openRuns = 0, .latency = milliseconds(10), .runs = 4};
  EXPECT_EQ(chosen({{.openRuns = 0}, known}), 1U) << "it has run more";
  auto busy = known;
  busy.openRuns = 1;
  EXPECT_EQ(chosen({{.openRuns = 0}, busy}), 0U);
}

TEST(ReplicaChoice, HealthCountsAgainstSpeed) {
  EXPECT_EQ(chosen({{.latency = milliseconds(10), .score = 0.25},
                    {.latency = milliseconds(20), .score = 1}}),
            1U);
  EXPECT_EQ(chosen({{.latency = milliseconds(10), .score = 0}}), 0U) << "better than none";
}

TEST(ReplicaChoice, AmongEqualsTheLaunchedOneThenTheOneThatHasRunMore) {
  EXPECT_EQ(chosen({{.trust = Trust::Joined, .runs = 9}, {.trust = Trust::Launched}}), 1U);
  EXPECT_EQ(chosen({{.runs = 3}, {.runs = 8}, {.runs = 5}}), 1U);
}

TEST(ReplicaChoice, AConversationStaysWhereItWasServed) {
  EXPECT_EQ(
      chosen({{.latency = milliseconds(10)}, {.latency = milliseconds(900), .servedBefore = true}}),
      1U);
  EXPECT_EQ(chosen({{.latency = milliseconds(10)},
                    {.openRuns = 1, .latency = milliseconds(900), .servedBefore = true}}),
            1U);
  EXPECT_EQ(chosen({{.latency = milliseconds(10)},
                    {.openRuns = 2, .latency = milliseconds(10), .servedBefore = true}}),
            0U)
      << "others wait there";
}

TEST(EarliestAnswer, IsThatOfAllWorkersInFullRuns) {
  const std::vector<Candidate> two{{.latency = milliseconds(100)}, {.latency = milliseconds(100)}};
  EXPECT_EQ(earliestAnswer(two, two, 0, 10), milliseconds(50)) << "half a run";
  // 40 items at 20 in 100 ms.
  EXPECT_EQ(earliestAnswer(two, two, 40, 10), milliseconds(250));
  EXPECT_EQ(earliestAnswer({}, {}, 40, 10), std::nullopt) << "nobody knows";
  const std::vector<Candidate> unknown{{.latency = milliseconds(100)}, {}};
  EXPECT_EQ(earliestAnswer(unknown, unknown, 40, 10), std::nullopt) << "the other may be quick";
}

TEST(ReplicaChoice, OfEightCallsThatSeemTooSlowOneIsMeasured) {
  SlownessCheck check;
  for (int round = 0; round < 3; ++round) {
    for (int call = 0; call < 7; ++call) EXPECT_FALSE(check.letsRun());
    EXPECT_TRUE(check.letsRun());
  }
}

}  // namespace
}  // namespace webpool::pool
