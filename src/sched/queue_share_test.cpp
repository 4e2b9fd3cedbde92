#include "sched/queue_share.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace webpool::sched {
namespace {

using Workers = std::vector<SharingWorker>;

TEST(QueueShare, WhoIsAloneTakesAll) {
  EXPECT_EQ(shareOfQueue(Workers{{.perRun = 1, .perItem = 1}}, 0, 8), 8U);
}

TEST(QueueShare, WorkersThatAreAlikeTakeHalf) {
  const Workers two{{.perRun = 1, .perItem = 3}, {.perRun = 1, .perItem = 3}};
  EXPECT_EQ(shareOfQueue(two, 0, 8), 4U);
  EXPECT_EQ(shareOfQueue(two, 1, 2), 1U);
  EXPECT_EQ(shareOfQueue(two, 0, 1), 1U);
}

TEST(QueueShare, WhoIsFreeTakesWhatTheOtherWouldBeginLaterWith) {
  const auto taken = [](double ahead) {
    return shareOfQueue(Workers{{.perRun = 1, .perItem = 3}, {ahead, 1, 3}}, 0, 8);
  };
  EXPECT_EQ(taken(6), 5U);
  EXPECT_EQ(taken(12), 6U);
  EXPECT_EQ(taken(25), 8U) << "it is done before the other begins";
}

TEST(QueueShare, TheFasterTakesMore) {
  const Workers two{{.perItem = 1}, {.perItem = 2}};
  EXPECT_EQ(shareOfQueue(two, 0, 9), 6U);
  EXPECT_EQ(shareOfQueue(two, 1, 9), 3U);
}

TEST(QueueShare, ARunThatCostsMoreThanItSavesIsNotMade) {
  const Workers devices{{.perRun = 10, .perItem = 0.1}, {.perRun = 10, .perItem = 0.1}};
  EXPECT_EQ(shareOfQueue(devices, 0, 16), 16U);
  const Workers processors{{.perRun = 3, .perItem = 9}, {.perRun = 3, .perItem = 9}};
  EXPECT_EQ(shareOfQueue(processors, 0, 2), 1U);
}

TEST(QueueShare, WhatIsNotKnownIsNotShared) {
  const Workers two{{.perRun = 1, .perItem = 3}, {.perRun = 1, .perItem = 0}};
  EXPECT_EQ(shareOfQueue(two, 0, 8), 8U);
}

/// Whoever is free the soonest takes its share, again and again: against one that takes all.
TEST(QueueShare, NoWorkerIsLongDoneBeforeAnother) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> any(0, 20);
  for (int round = 0; round < 300; ++round) {
    Workers workers(2 + random() % 4);
    for (auto& worker : workers) worker = {any(random), 0.5, 1 + any(random) / 10};
    std::uint64_t left = 1 + random() % 40;
    double slowest = 0;
    while (left > 0) {
      const auto at = std::ranges::min_element(workers, {}, &SharingWorker::ahead);
      const auto which = static_cast<std::size_t>(at - workers.begin());
      const auto share = shareOfQueue(workers, which, left);
      ASSERT_GE(share, 1U);
      ASSERT_LE(share, left);
      at->ahead += at->perRun + double(share) * at->perItem;
      slowest = std::max(slowest, at->ahead);
      left -= share;
    }
    const auto first = std::ranges::min(workers, {}, &SharingWorker::ahead).ahead;
    // An item and what a run costs are not shared.
    EXPECT_LT(slowest - first, 2 * (0.5 + 3)) << round;
  }
}

}  // namespace
}  // namespace webpool::sched
