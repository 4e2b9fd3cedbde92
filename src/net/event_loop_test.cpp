#include "net/event_loop.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

namespace webpool::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(EventLoop, RunsPostedTasksInOrderOnTheLoopThread) {
  EventLoop loop;
  std::vector<int> order;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.post([&order, &loop, i] {
        EXPECT_TRUE(loop.onLoopThread());
        order.push_back(i);
      });
    }
    loop.post([&loop] { loop.stop(); });
  });
  loop.run();
  poster.join();
  ASSERT_EQ(order.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(EventLoop, OtherThreadsAreNotTheLoopThread) {
  EventLoop loop;
  EXPECT_TRUE(loop.onLoopThread());
  bool elsewhere = true;
  loop.post([&] {
    std::thread([&] { elsewhere = loop.onLoopThread(); }).join();
    loop.stop();
  });
  loop.run();
  EXPECT_FALSE(elsewhere);
  EXPECT_TRUE(loop.onLoopThread());
}

TEST(EventLoop, StopBeforeRunAndRunAgain) {
  EventLoop loop;
  bool ran = false;
  loop.post([&] { ran = true; });
  loop.stop();
  loop.run();
  EXPECT_FALSE(ran);
  loop.post([&] { loop.stop(); });
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(EventLoop, TimersFireInTheOrderOfTheirTimes) {
  EventLoop loop;
  std::vector<int> order;
  const auto start = loop.now();
  auto late = loop.callAt(start + milliseconds(20), [&] {
    order.push_back(2);
    loop.stop();
  });
  auto soon = loop.callAt(start + milliseconds(10), [&] { order.push_back(1); });
  auto past = loop.callAt(start - hours(1), [&] { order.push_back(0); });
  EXPECT_TRUE(late.pending());
  loop.run();
  EXPECT_EQ(order, (std::vector{0, 1, 2}));
  EXPECT_GE(loop.now(), start + milliseconds(20));
  EXPECT_FALSE(late.pending());
  EXPECT_FALSE(soon.pending());
}

TEST(EventLoop, CancelledAndDestroyedTimersDoNotFire) {
  EventLoop loop;
  int fired = 0;
  auto cancelled = loop.callAfter(milliseconds(1), [&] { ++fired; });
  {
    auto destroyed = loop.callAfter(milliseconds(1), [&] { ++fired; });
  }
  auto replaced = loop.callAfter(milliseconds(1), [&] { ++fired; });
  replaced = loop.callAfter(milliseconds(5), [&] { loop.stop(); });
  cancelled.cancel();
  EXPECT_FALSE(cancelled.pending());
  loop.run();
  EXPECT_EQ(fired, 0);
}

TEST(EventLoop, TimerCancelledWhenItIsAlreadyDueDoesNotFire) {
  EventLoop loop;
  bool fired = false;
  Timer second;
  // Both are due in the same turn of the loop; the first takes the second back.
  auto first = loop.callAt(loop.now() - hours(2), [&] { second.cancel(); });
  second = loop.callAt(loop.now() - hours(1), [&] { fired = true; });
  auto end = loop.callAfter(milliseconds(5), [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(fired);
}

TEST(EventLoop, TimerMayMakeItselfAnew) {
  EventLoop loop;
  int ticks = 0;
  Timer timer;
  std::function<void()> tick = [&] {
    if (++ticks == 5) return loop.stop();
    timer = loop.callAfter(milliseconds(1), tick);
  };
  timer = loop.callAfter(milliseconds(1), tick);
  loop.run();
  EXPECT_EQ(ticks, 5);
}

TEST(EventLoop, HandlesOutliveTheLoop) {
  auto owned = std::make_shared<int>(1);
  Timer timer;
  {
    EventLoop loop;
    timer = loop.callAfter(hours(1), [owned] { FAIL(); });
    loop.post([owned] { FAIL(); });
    EXPECT_EQ(owned.use_count(), 3);
  }
  EXPECT_EQ(owned.use_count(), 1) << "tasks that never ran are destroyed with the loop";
  EXPECT_FALSE(timer.pending());
  timer.cancel();
}

TEST(EventLoop, ATasksExceptionComesOutOfRun) {
  EventLoop loop;
  loop.post([] { throw std::logic_error("defect"); });
  EXPECT_THROW(loop.run(), std::logic_error);
}

}  // namespace
}  // namespace webpool::net
