#include "sched/request_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace webpool::sched {
namespace {

using std::chrono::seconds;

constexpr TimePoint kStart{};
const auto kAny = [](JobId) { return true; };

QueuedJob job(JobId id, std::uint64_t kind = 1, std::uint64_t length = 100) {
  return {.id = id, .kind = kind, .length = length};
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

TEST(RequestQueueTest, CountsWhatIsOfThatPriorityOrHigher) {
  RequestQueue queue;
  auto first = job(1);
  first.priority = 1;
  first.items = 3;
  auto last = job(3);
  last.priority = 3;
  ASSERT_TRUE(queue.admit(first, kStart));
  ASSERT_TRUE(queue.admit(job(2), kStart));
  ASSERT_TRUE(queue.admit(last, kStart));
  EXPECT_EQ(queue.itemsBefore(1), 3U);
  EXPECT_EQ(queue.itemsBefore(2), 4U);
  EXPECT_EQ(queue.itemsBefore(9), 5U);
  ASSERT_TRUE(queue.withdraw(2));
  EXPECT_EQ(queue.itemsBefore(2), 3U);
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
  auto low = job(1, 0);
  low.priority = 3;
  ASSERT_TRUE(queue.admit(low, kStart));
  for (JobId id = 2; id <= 4; ++id) {
    auto high = job(id, 0);
    high.priority = 1;
    ASSERT_TRUE(queue.admit(high, kStart + seconds(5)));
  }
  EXPECT_EQ(queue.takeBatch(kStart + seconds(5), {}, kAny), std::vector<JobId>{2});
  EXPECT_EQ(queue.takeBatch(kStart + seconds(6), {}, kAny), std::vector<JobId>{1});
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
