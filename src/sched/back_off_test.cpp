#include "sched/back_off.h"

#include <gtest/gtest.h>

namespace webpool::sched {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BackOff, DoublesUpToTheCap) {
  BackOff backOff;
  for (const auto wanted : {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000}) {
    EXPECT_EQ(backOff.failed(), milliseconds(wanted));
  }
  EXPECT_EQ(backOff.failures(), 8u);
}

TEST(BackOff, BeginsAnewAfterAReset) {
  BackOff backOff;
  backOff.failed();
  backOff.failed();
  backOff.reset();
  EXPECT_EQ(backOff.failures(), 0u);
  EXPECT_EQ(backOff.failed(), milliseconds(500));
}

TEST(BackOff, NeverOverflowsAndNeverPassesTheCap) {
  BackOff longest({seconds(1), base::Duration::max()});
  auto last = base::Duration::zero();
  for (int i = 0; i < 200; ++i) {
    const auto wait = longest.failed();
    ASSERT_GE(wait, last);
    last = wait;
  }
  EXPECT_EQ(last, base::Duration::max());
  BackOff wide({seconds(60), seconds(30)});
  EXPECT_EQ(wide.failed(), seconds(30));
}

}  // namespace
}  // namespace webpool::sched
