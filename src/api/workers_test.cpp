#include "api/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>

namespace webpool::api {
namespace {

TEST(Workers, ABoundedQueueIsWorkedOffToItsEnd) {
  std::atomic<int> done = 0;
  {
    std::counting_semaphore<> began{0};
    std::counting_semaphore<> go{0};
    Workers workers(2, 3);
    const auto work = [&] {
      began.release();
      go.acquire();
      ++done;
    };
    ASSERT_TRUE(workers.run(work));
    ASSERT_TRUE(workers.run(work));
    began.acquire();
    began.acquire();  // both threads are at work, and the queue is empty
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(workers.run(work));
    EXPECT_FALSE(workers.run(work)) << "a fourth has no place in the queue";
    go.release(5);
  }
  EXPECT_EQ(done, 5) << "its end waits for what was taken";
}

}  // namespace
}  // namespace webpool::api
