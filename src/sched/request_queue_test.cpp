#include "sched/request_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>

namespace webpool::sched {
namespace {

using std::chrono::seconds;

constexpr TimePoint kStart{};
const auto kAny = [](JobId) { return true; };

QueuedJob job(JobId id, std::uint64_t kind = 1, std::uint64_t length = 100) {
  return {.id = id, .kind = kind, .length = length};
}

/// Goes alone.
QueuedJob from(const std::string& caller, JobId id, unsigned priority = 2) {
  return {.id = id, .priority = priority, .caller = caller, .length = 100};
}

TEST(RequestQueueTest, TakesCallsOfOneKindTogether) {
  RequestQueue queue;
  for (JobId id = 1; id <= 3; ++id) ASSERT_TRUE(queue.admit(job(id), kStart));
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny), (std::vector<JobId>{1, 2, 3}));
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.takeBatch(kStart, {}, kAny).empty());
}

TEST(RequestQueueTest, AnotherKindInBetweenClosesNoBatch) {
  RequestQueue queue;
  for (JobId id = 1; id <= 6; ++id) ASSERT_TRUE(queue.admit(job(id, 1 + id % 2), kStart));
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny), (std::vector<JobId>{1, 3, 5}));
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny), (std::vector<JobId>{2, 4, 6}));
}

TEST(RequestQueueTest, CallsOfNoKindGoAlone) {
  RequestQueue queue;
  ASSERT_TRUE(queue.admit(job(1, 0), kStart));
  ASSERT_TRUE(queue.admit(job(2, 0), kStart));
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny), std::vector<JobId>{1});
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny), std::vector<JobId>{2});
}

TEST(RequestQueueTest, PrefersTheNearestLengths) {
  RequestQueue queue;
  ASSERT_TRUE(queue.admit(job(1, 1, 1000), kStart));
  ASSERT_TRUE(queue.admit(job(2, 1, 10), kStart));
  ASSERT_TRUE(queue.admit(job(3, 1, 1100), kStart));
  ASSERT_TRUE(queue.admit(job(4, 1, 950), kStart));
  // 10 beside 1000 would be padding, mostly.
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny), (std::vector<JobId>{1, 4, 3}));
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny), std::vector<JobId>{2});
}

TEST(RequestQueueTest, PadsAThirdOfWhatARunIsWorthWhereThatIsKnown) {
  const auto along = [](double worth, std::vector<std::uint64_t> lengths) {
    RequestQueue queue;
    JobId id = 1;
    for (const auto length : lengths) EXPECT_TRUE(queue.admit(job(id++, 1, length), kStart));
    return queue.takeBatch(kStart, {.padding = worth}, kAny);
  };
  EXPECT_EQ(along(121, {100, 60}), (std::vector<JobId>{1, 2}));
  EXPECT_EQ(along(119, {100, 60}), std::vector<JobId>{1});
  // A longer one pads all that are there.
  EXPECT_EQ(along(241, {100, 100, 140}), (std::vector<JobId>{1, 2, 3}));
  EXPECT_EQ(along(239, {100, 100, 140}), (std::vector<JobId>{1, 2}));
  // Short ones are no exception, and what a run is worth may be more than is in it.
  EXPECT_EQ(along(15, {20, 10}), std::vector<JobId>{1});
  EXPECT_EQ(along(1155, {400, 10, 20}), (std::vector<JobId>{1, 3}));
  EXPECT_EQ(along(0, {50, 50, 50}), (std::vector<JobId>{1, 2, 3}));
}

/// Of calls of mixed lengths with `depth` waiting, where a run costs `base` and a unit of length 1.
double timeOfAll(double base, std::size_t depth, std::optional<double> padding) {
  std::mt19937 random(5);
  RequestQueue queue;
  JobId id = 1;
  std::map<JobId, double> lengths;
  double time = 0;
  for (int call = 0; call < 2000; ++call) {
    const auto length = 20 + random() % 600;
    lengths[id] = double(length);
    EXPECT_TRUE(queue.admit(job(id++, 1, length), kStart));
    if (queue.size() < depth) continue;
    const auto batch = queue.takeBatch(kStart, {.padding = padding}, kAny);
    double longest = 0;
    for (const auto one : batch) longest = std::max(longest, lengths.at(one));
    time += base + longest * double(batch.size());
  }
  return time;
}

TEST(RequestQueueTest, WhatARunIsWorthIsABetterBoundThanAShareOfWaste) {
  double gain = 1;
  for (const std::size_t depth : {4, 32, 128}) {
    for (const double base : {3, 10, 30, 100, 300, 1000, 3000}) {
      const auto ratio = timeOfAll(base, depth, base) / timeOfAll(base, depth, std::nullopt);
      EXPECT_LT(ratio, 1.02) << base << ", " << depth;
      EXPECT_LT(timeOfAll(base, depth, base), 1.01 * timeOfAll(base, depth, 0))
          << base << ", " << depth;
      gain = std::min(gain, ratio);
    }
  }
  EXPECT_LT(gain, 0.85);
}

TEST(RequestQueueTest, CountsWhatWouldGoBefore) {
  RequestQueue queue;
  auto first = job(1);
  first.priority = 1;
  first.items = 3;
  auto last = job(3);
  last.priority = 3;
  ASSERT_TRUE(queue.admit(first, kStart));
  ASSERT_TRUE(queue.admit(job(2), kStart));
  ASSERT_TRUE(queue.admit(last, kStart));
  EXPECT_EQ(queue.itemsBefore(1, ""), 3U);
  EXPECT_EQ(queue.itemsBefore(2, ""), 4U);
  EXPECT_EQ(queue.itemsBefore(9, ""), 5U);
  ASSERT_TRUE(queue.withdraw(2));
  EXPECT_EQ(queue.itemsBefore(2, ""), 3U);
}

TEST(RequestQueueTest, OfAnotherCallersManyCallsOneGoesBefore) {
  RequestQueue queue;
  for (JobId id = 1; id <= 50; ++id) ASSERT_TRUE(queue.admit(from("greedy", id), kStart));
  EXPECT_EQ(queue.itemsBefore(2, "greedy"), 50U);
  EXPECT_EQ(queue.itemsBefore(2, "modest"), 1U);
}

TEST(RequestQueueTest, LimitsItemsAndLength) {
  RequestQueue queue;
  for (JobId id = 1; id <= 10; ++id) ASSERT_TRUE(queue.admit(job(id), kStart));
  EXPECT_EQ(queue.takeBatch(kStart, {.items = 4}, kAny).size(), 4u);
  EXPECT_EQ(queue.takeBatch(kStart, {.length = 250}, kAny).size(), 2u);
  auto large = job(99, 1, 5000);
  large.items = 100;
  RequestQueue one;
  ASSERT_TRUE(one.admit(large, kStart));
  EXPECT_EQ(one.takeBatch(kStart, {.items = 4, .length = 250}, kAny), std::vector<JobId>{99});
}

TEST(RequestQueueTest, RefusesWhenItIsFullAndTakesWhatIsTriedAgain) {
  RequestQueue queue({.capacity = 1});
  ASSERT_TRUE(queue.admit(job(1), kStart));
  const auto full = queue.admit(job(2), kStart);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().category, ErrorCategory::Busy);
  queue.readmit(job(3, 2), kStart);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny), std::vector<JobId>{3}) << "its turn comes first";
}

TEST(RequestQueueTest, HigherPriorityGoesFirstUntilOthersHaveWaited) {
  RequestQueue queue({.aging = seconds(2)});
  for (JobId id = 1; id <= 2; ++id) ASSERT_TRUE(queue.admit(from("low", id, 3), kStart));
  for (JobId id = 3; id <= 9; ++id) ASSERT_TRUE(queue.admit(from("high", id, 1), kStart));
  const auto takenAt = [&](int second) {
    return queue.takeBatch(kStart + seconds(second), {}, kAny).front();
  };
  EXPECT_EQ(takenAt(1), 3U);
  EXPECT_EQ(takenAt(3), 4U) << "as of priority 2";
  EXPECT_EQ(takenAt(4), 1U) << "as of priority 1, and it has had no turn for longer";
  EXPECT_EQ(takenAt(5), 5U) << "that was its turn";
  EXPECT_EQ(takenAt(7), 6U);
  EXPECT_EQ(takenAt(8), 2U);
}

/// One whose priority is served all the time is not late, however long it waits.
TEST(RequestQueueTest, ABacklogDoesNotOvertakeWhoComesAfterIt) {
  RequestQueue queue({.aging = seconds(2)});
  JobId next = 1;
  while (next <= 200) ASSERT_TRUE(queue.admit(from("greedy", next++), kStart));
  for (int second = 1; second <= 20; ++second) {
    const auto now = kStart + seconds(second);
    ASSERT_TRUE(queue.admit(from("modest", next), now));
    ASSERT_TRUE(queue.admit(from("greedy", next + 1, 1), now));
    EXPECT_EQ(queue.takeBatch(now, {}, kAny).front(), next + 1) << "of priority 1";
    const auto second1 = queue.takeBatch(now, {}, kAny).front();
    const auto second2 = queue.takeBatch(now, {}, kAny).front();
    EXPECT_TRUE(second1 == next || second2 == next) << second;
    next += 2;
  }
}

/// Each has one call only, so that its share is never used up.
TEST(RequestQueueTest, CallersWhoComeAnewAllTheTimeHoldUpNobody) {
  RequestQueue queue({.capacity = 100'000});
  for (JobId id = 1; id <= 3; ++id) ASSERT_TRUE(queue.admit(from("steady", id), kStart));
  JobId next = 4;
  std::vector<JobId> served;
  for (int i = 0; i < 100 && served.size() < 3; ++i) {
    const auto now = kStart + std::chrono::milliseconds(i);
    for (int k = 0; k < 2; ++k) {  // more than is ever taken
      ASSERT_TRUE(queue.admit(from("new " + std::to_string(next), next), now));
      ++next;
    }
    const auto taken = queue.takeBatch(now, {}, kAny).front();
    if (taken <= 3) served.push_back(taken);
  }
  EXPECT_EQ(served, (std::vector<JobId>{1, 2, 3}));
}

TEST(RequestQueueTest, SeatsOfABatchGoByPriorityToo) {
  RequestQueue queue;
  for (JobId id = 1; id <= 20; ++id) {
    auto low = job(id, 1, 100);
    low.priority = 9;
    ASSERT_TRUE(queue.admit(low, kStart));
  }
  for (JobId id = 21; id <= 50; ++id) {
    auto high = job(id, 1, 100 + 2 * (id % 20));
    high.priority = 1;
    ASSERT_TRUE(queue.admit(high, kStart));
  }
  std::size_t taken = 0;
  while (taken < 30) {
    const auto batch = queue.takeBatch(kStart, {.items = 8}, kAny);
    for (const auto id : batch) {
      if (id > 20) ++taken;
      EXPECT_TRUE(id > 20 || taken == 30) << id << " after " << taken;
    }
  }
}

TEST(RequestQueueTest, SeatsOfABatchAreSharedAmongCallers) {
  RequestQueue queue;
  for (JobId id = 1; id <= 100; ++id) {
    auto greedy = job(id);
    greedy.caller = "greedy";
    ASSERT_TRUE(queue.admit(greedy, kStart));
  }
  for (JobId id = 101; id <= 116; ++id) {
    auto modest = job(id);
    modest.caller = "modest";
    ASSERT_TRUE(queue.admit(modest, kStart));
  }
  std::ptrdiff_t modest = 0;
  for (int i = 0; i < 2; ++i) {
    const auto batch = queue.takeBatch(kStart, {.items = 16}, kAny);
    EXPECT_EQ(batch.size(), 16U);
    modest += std::ranges::count_if(batch, [](JobId id) { return id > 100; });
  }
  EXPECT_EQ(modest, 16);
}

TEST(RequestQueueTest, WhoJoinsACallBringsItsOwnTurn) {
  RequestQueue queue;
  for (JobId id = 1; id <= 10; ++id) ASSERT_TRUE(queue.admit(from("greedy", id), kStart));
  ASSERT_TRUE(queue.admit(from("late", 11, 9), kStart));
  queue.join(11, 1, "urgent");
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny).front(), 11U);
  queue.join(10, 2, "modest");
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny).front(), 1U) << "it came first";
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny).front(), 10U);
  queue.join(9, 7, "modest");
  queue.join(99, 1, "modest");
  EXPECT_EQ(queue.takeBatch(kStart, {}, kAny).front(), 2U) << "nothing is put off";
  EXPECT_EQ(queue.size(), 7U);
}

TEST(RequestQueueTest, CallersShareAlike) {
  RequestQueue queue;
  for (JobId id = 1; id <= 100; ++id) {
    auto greedy = job(id, 0);
    greedy.caller = "greedy";
    ASSERT_TRUE(queue.admit(greedy, kStart));
  }
  for (JobId id = 101; id <= 103; ++id) {
    auto modest = job(id, 0);
    modest.caller = "modest";
    ASSERT_TRUE(queue.admit(modest, kStart));
  }
  std::vector<JobId> order;
  for (int i = 0; i < 7; ++i) order.push_back(queue.takeBatch(kStart, {}, kAny).front());
  EXPECT_EQ(std::ranges::count_if(order, [](JobId id) { return id > 100; }), 3);
}

TEST(RequestQueueTest, AWithdrawnCallIsOut) {
  RequestQueue queue;
  ASSERT_TRUE(queue.admit(job(1), kStart));
  EXPECT_TRUE(queue.withdraw(1));
  EXPECT_FALSE(queue.withdraw(1));
  EXPECT_EQ(queue.items(), 0u);
}

TEST(RequestQueueTest, OnlyWhatMayGoToTheWorkerIsTaken) {
  RequestQueue queue;
  for (JobId id = 1; id <= 4; ++id) ASSERT_TRUE(queue.admit(job(id), kStart));
  const auto odd = [](JobId id) { return id % 2 == 1; };
  EXPECT_EQ(queue.next(kStart, [](JobId id) { return id == 4; }), JobId{4});
  EXPECT_EQ(queue.takeBatch(kStart, {}, odd), (std::vector<JobId>{1, 3}));
  EXPECT_TRUE(queue.takeBatch(kStart, {}, odd).empty());
}

/// Whatever is asked for in whatever order: each call comes out once, batches keep their limits,
/// and nothing waits longer than its age allows.
TEST(RequestQueueTest, RandomTracesLoseNothing) {
  std::mt19937_64 random(7);
  const auto upTo = [&](std::uint64_t most) { return random() % most; };
  for (int round = 0; round < 50; ++round) {
    RequestQueue queue({.capacity = 200});
    std::map<JobId, QueuedJob> waiting;
    JobId next = 1;
    auto now = kStart;
    const BatchLimits limits{.items = 1 + upTo(16), .length = upTo(2) * 4000};
    for (int step = 0; step < 400; ++step) {
      now += std::chrono::milliseconds(upTo(500));
      if (upTo(3) > 0) {
        QueuedJob added{.id = next++,
                        .priority = 1 + static_cast<unsigned>(upTo(3)),
                        .caller = std::string(1, static_cast<char>('a' + upTo(3))),
                        .kind = upTo(4),
                        .items = 1 + upTo(4),
                        .length = upTo(2000)};
        if (queue.admit(added, now)) waiting.emplace(added.id, added);
      } else if (upTo(10) == 0 && !waiting.empty()) {
        const auto id = waiting.begin()->first;
        ASSERT_TRUE(queue.withdraw(id));
        waiting.erase(id);
      } else {
        const auto batch = queue.takeBatch(now, limits, kAny);
        ASSERT_EQ(batch.empty(), waiting.empty());
        std::uint64_t items = 0;
        std::uint64_t longest = 0;
        for (const auto id : batch) {
          const auto taken = waiting.extract(id);
          ASSERT_FALSE(taken.empty()) << id << " came twice";
          if (batch.size() > 1) ASSERT_NE(taken.mapped().kind, 0u);
          items += taken.mapped().items;
          longest = std::max(longest, taken.mapped().length);
        }
        if (batch.size() > 1) {
          ASSERT_LE(items, limits.items);
          if (limits.length > 0) ASSERT_LE(items * longest, limits.length);
        }
      }
      ASSERT_EQ(queue.size(), waiting.size());
    }
  }
}

TEST(RequestQueueTest, AFloodOfHighPriorityStarvesNobody) {
  RequestQueue queue({.capacity = 100'000, .aging = seconds(1)});
  auto low = job(1, 0);
  low.priority = 9;
  ASSERT_TRUE(queue.admit(low, kStart));
  auto now = kStart;
  JobId next = 2;
  for (int i = 0; i < 1000; ++i) {
    now += std::chrono::milliseconds(100);
    for (int k = 0; k < 2; ++k) {  // more than is ever taken
      auto high = job(next++, 0);
      high.priority = 1;
      ASSERT_TRUE(queue.admit(high, now));
    }
    if (queue.takeBatch(now, {}, kAny).front() == 1) {
      EXPECT_LE(now - kStart, seconds(100));
      return;
    }
  }
  ADD_FAILURE() << "it never had its turn";
}

}  // namespace
}  // namespace webpool::sched
