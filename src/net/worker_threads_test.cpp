#include "net/worker_threads.h"

#include <gtest/gtest.h>

#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace webpool::net {
namespace {

TEST(WorkerThreads, WorksElsewhereAndAnswersOnTheLoop) {
  EventLoop loop;
  WorkerThreads workers(loop, 2);
  int answers = 0;
  loop.post([&] {
    for (int i = 0; i < 50; ++i) {
      const auto taken = workers.run(
          [&loop, i] {
            EXPECT_FALSE(loop.onLoopThread());
            return std::make_unique<int>(i);
          },
          [&, i](std::unique_ptr<int> result) {
            EXPECT_TRUE(loop.onLoopThread());
            EXPECT_EQ(*result, i);
            if (++answers == 50) loop.stop();
          });
      EXPECT_TRUE(taken);
    }
  });
  loop.run();
  EXPECT_EQ(answers, 50);
}

TEST(WorkerThreads, FullQueueIsBusy) {
  EventLoop loop;
  std::latch begun(1);
  std::latch release(1);
  WorkerThreads workers(loop, 1, 2);
  ASSERT_TRUE(workers.run(
      [&] {
        begun.count_down();
        release.wait();
      },
      [] {}));
  begun.wait();
  ASSERT_TRUE(workers.run([] { return 1; }, [](int) {}));
  ASSERT_TRUE(workers.run([] { return 2; }, [&](int) { loop.stop(); }));
  EXPECT_EQ(workers.queued(), 2u);
  const auto refused = workers.run([] { return 3; }, [](int) { FAIL(); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::Busy);
  EXPECT_TRUE(refused.error().shouldRetry());
  release.count_down();
  loop.run();
}

TEST(WorkerThreads, DestroyingDropsWhatHasNotBegunAndDeliversNothing) {
  EventLoop loop;
  auto token = std::make_shared<int>(0);
  std::latch begun(1);
  {
    WorkerThreads workers(loop, 1);
    ASSERT_TRUE(workers.run([&begun] { begun.count_down(); }, [token] { FAIL(); }));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(workers.run([token] {}, [token] { FAIL(); }));
    begun.wait();
  }
  loop.post([&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(WorkerThreads, WhatWorkThrowsComesOutOfTheLoop) {
  EventLoop loop;
  WorkerThreads workers(loop, 1);
  ASSERT_TRUE(workers.run([]() -> int { throw std::runtime_error("defect"); }, [](int) {}));
  EXPECT_THROW(loop.run(), std::runtime_error);
}

}  // namespace
}  // namespace webpool::net
