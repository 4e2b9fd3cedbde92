#include "sched/thread_bound.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

namespace webpool::sched {
namespace {

using Jobs = std::vector<JobId>;

TEST(ThreadBound, WhatTakesThreads) {
  EXPECT_EQ(threadsOf({Backend::Wasm, false, 4}), 4u);
  EXPECT_EQ(threadsOf({Backend::Wasm, true, 4}), 4u);  // there is no such hardware
  EXPECT_EQ(threadsOf({Backend::WebGpu, false, 2}), 2u);
  EXPECT_EQ(threadsOf({Backend::WebGpu, true, 2}), 0u);
  EXPECT_EQ(threadsOf({Backend::WebNn, false, 0}), 1u);
  EXPECT_EQ(threadsOf({Backend::WebNn, true, 8}), 0u);
}

TEST(ThreadBound, AsManyAsCoresThenTheyWait) {
  ThreadBound bound(4);
  EXPECT_TRUE(bound.tryBegin(1, 2));
  EXPECT_TRUE(bound.tryBegin(2, 2));
  EXPECT_FALSE(bound.tryBegin(3, 1));
  EXPECT_FALSE(bound.tryBegin(4, 1));
  EXPECT_EQ(bound.threadsInUse(), 4u);
  EXPECT_TRUE(bound.takeStarted().empty());
  bound.end(1);
  EXPECT_EQ(bound.takeStarted(), (Jobs{3, 4}));
  EXPECT_EQ(bound.threadsInUse(), 4u);
  bound.end(1);  // ended before
  bound.end(99);
  EXPECT_EQ(bound.threadsInUse(), 4u);
}

TEST(ThreadBound, HardwareRunsNeverWait) {
  ThreadBound bound(1);
  EXPECT_TRUE(bound.tryBegin(1, 1));
  EXPECT_FALSE(bound.tryBegin(2, 1));
  EXPECT_TRUE(bound.tryBegin(3, 0));
  EXPECT_EQ(bound.threadsInUse(), 1u);
  bound.end(3);
  EXPECT_TRUE(bound.takeStarted().empty());
}

TEST(ThreadBound, AWideRunIsNotStarvedByNarrowOnes) {
  ThreadBound bound(2);
  EXPECT_TRUE(bound.tryBegin(1, 1));
  EXPECT_FALSE(bound.tryBegin(2, 2));
  EXPECT_FALSE(bound.tryBegin(3, 1));  // it would fit, but 2 is in front
  bound.end(1);
  EXPECT_EQ(bound.takeStarted(), Jobs{2});
  bound.end(2);
  EXPECT_EQ(bound.takeStarted(), Jobs{3});
}

TEST(ThreadBound, WiderThanTheBoundRunsAlone) {
  ThreadBound bound(2);
  EXPECT_TRUE(bound.tryBegin(1, 8));
  EXPECT_FALSE(bound.tryBegin(2, 1));
  EXPECT_FALSE(bound.tryBegin(3, 8));
  bound.end(1);
  EXPECT_EQ(bound.takeStarted(), Jobs{2});
  bound.end(2);
  EXPECT_EQ(bound.takeStarted(), Jobs{3});
}

TEST(ThreadBound, WhoLeavesMakesRoomForThoseBehind) {
  ThreadBound bound(2);
  EXPECT_TRUE(bound.tryBegin(1, 1));
  EXPECT_FALSE(bound.tryBegin(2, 2));
  EXPECT_FALSE(bound.tryBegin(3, 1));
  bound.leave(2);
  EXPECT_EQ(bound.takeStarted(), Jobs{3});
  bound.leave(1);  // it runs: ended
  EXPECT_EQ(bound.threadsInUse(), 1u);
}

TEST(ThreadBound, AJobThatLeavesBeforeItIsTakenIsNotTaken) {
  ThreadBound bound(1);
  EXPECT_TRUE(bound.tryBegin(1, 1));
  EXPECT_FALSE(bound.tryBegin(2, 1));
  bound.end(1);
  bound.leave(2);
  EXPECT_TRUE(bound.takeStarted().empty());
  EXPECT_EQ(bound.threadsInUse(), 0u);
}

TEST(ThreadBound, RandomRunsKeepTheBoundTheOrderAndAllGetTheirTurn) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const unsigned cores = 1 + static_cast<unsigned>(random() % 8);
    ThreadBound bound(cores);
    std::map<JobId, unsigned> running;
    std::deque<std::pair<JobId, unsigned>> waiting;  // what the bound must start, in this order
    JobId last = 0;
    const auto take = [&] {
      for (const auto job : bound.takeStarted()) {
        ASSERT_FALSE(waiting.empty());
        ASSERT_EQ(waiting.front().first, job);
        running.insert(waiting.front());
        waiting.pop_front();
      }
      std::uint64_t threads = 0, wide = 0;
      for (const auto& [job, count] : running) {
        threads += count;
        wide += count > 0;
      }
      ASSERT_EQ(bound.threadsInUse(), threads);
      ASSERT_TRUE(threads <= cores || wide == 1);
      ASSERT_EQ(bound.waiting(), waiting.size());
      // Nobody waits for nothing.
      ASSERT_TRUE(waiting.empty() || threads + waiting.front().second > cores);
      ASSERT_TRUE(waiting.empty() || threads > 0);
    };
    for (int step = 0; step < 500; ++step) {
      if (random() % 2 == 0) {
        const auto threads = static_cast<unsigned>(random() % 10);
        const auto job = ++last;
        if (bound.tryBegin(job, threads)) {
          running.emplace(job, threads);
        } else {
          waiting.emplace_back(job, threads);
        }
      } else if (random() % 8 == 0 && !waiting.empty()) {
        const auto pick = static_cast<std::ptrdiff_t>(random() % waiting.size());
        bound.leave(waiting[static_cast<std::size_t>(pick)].first);
        waiting.erase(waiting.begin() + pick);
      } else if (!running.empty()) {
        const auto pick =
            std::next(running.begin(), static_cast<std::ptrdiff_t>(random() % running.size()));
        bound.end(pick->first);
        running.erase(pick);
      }
      take();
      if (::testing::Test::HasFatalFailure()) return;
    }
    while (!running.empty()) {
      bound.end(running.begin()->first);
      running.erase(running.begin());
      take();
      if (::testing::Test::HasFatalFailure()) return;
    }
    ASSERT_TRUE(waiting.empty());
  }
}

TEST(ThreadBound, AnotherBoundLetsWaitersStartAndEndsNothing) {
  ThreadBound bound(4);
  EXPECT_TRUE(bound.tryBegin(1, 2));
  EXPECT_TRUE(bound.tryBegin(2, 2));
  bound.setBound(2);
  EXPECT_EQ(bound.threadsInUse(), 4U);
  EXPECT_FALSE(bound.tryBegin(3, 1));
  bound.end(1);
  EXPECT_TRUE(bound.takeStarted().empty()) << "two threads are in use still";
  bound.setBound(3);
  EXPECT_EQ(bound.takeStarted(), std::vector<JobId>{3});
  bound.setBound(0);
  EXPECT_EQ(bound.bound(), 1U);
}

TEST(ThreadBound, ThePeakIsThatSinceItWasAskedLast) {
  ThreadBound bound(4);
  EXPECT_TRUE(bound.tryBegin(1, 3));
  bound.end(1);
  EXPECT_EQ(bound.takePeak(), 3U);
  EXPECT_EQ(bound.takePeak(), 0U);
  EXPECT_TRUE(bound.tryBegin(2, 1));
  EXPECT_EQ(bound.takePeak(), 1U);
  EXPECT_EQ(bound.takePeak(), 1U) << "it runs still";
}

}  // namespace
}  // namespace webpool::sched
