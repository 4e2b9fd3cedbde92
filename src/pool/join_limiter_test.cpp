#include "pool/join_limiter.h"

#include <gtest/gtest.h>

#include <string>

#include "pool/join_link.h"

namespace webpool::pool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::TimePoint kStart{hours(1000)};

TEST(JoinLimiter, LetsABurstThroughAndThenTheRate) {
  JoinLimiter limiter({.perSecond = 2, .burst = 3});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take("192.0.2.1:1000", kStart));
  EXPECT_FALSE(limiter.take("192.0.2.1:1001", kStart)) << "another port is the same address";
  EXPECT_TRUE(limiter.take("192.0.2.2:1000", kStart));
  EXPECT_FALSE(limiter.take("192.0.2.1:1000", kStart + milliseconds(400)));
  EXPECT_TRUE(limiter.take("192.0.2.1:1000", kStart + milliseconds(600)));
  EXPECT_FALSE(limiter.take("192.0.2.1:1000", kStart + milliseconds(600)));
}

TEST(JoinLimiter, ManyAddressesTogetherAreSlowedToo) {
  JoinLimiter limiter({.perSecond = 1, .burst = 5, .allPerSecond = 1, .allBurst = 10});
  int taken = 0;
  for (int i = 0; i < 100; ++i) {
    if (limiter.take("[2001:db8::" + std::to_string(i) + "]:1", kStart)) ++taken;
  }
  EXPECT_EQ(taken, 10);
}

TEST(JoinLimiter, RemembersABoundedNumberOfAddresses) {
  JoinLimiter limiter({.perSecond = 1, .burst = 2, .allBurst = 1e6, .maxAddresses = 3});
  for (const auto* peer : {"a:1", "b:1", "c:1"}) EXPECT_TRUE(limiter.take(peer, kStart));
  EXPECT_FALSE(limiter.take("d:1", kStart)) << "nobody is forgotten who asked a moment ago";
  EXPECT_TRUE(limiter.take("d:1", kStart + seconds(5)));
}

TEST(JoinLink, IsGoodUntilItsTimeAndUntilItIsTakenBack) {
  JoinLink link("0123456789abcdef0123456789abcdef", kStart + hours(24));
  EXPECT_TRUE(link.check("0123456789abcdef0123456789abcdef", kStart));
  EXPECT_FALSE(link.check("0123456789abcdef0123456789abcdee", kStart));
  EXPECT_FALSE(link.check("", kStart));
  const auto late = link.check("0123456789abcdef0123456789abcdef", kStart + hours(24));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().category, ErrorCategory::Unauthorized);
  EXPECT_EQ(late.error().message, "the link is stale");
  EXPECT_NE(late.error().hint, "");
  link.revoke();
  EXPECT_FALSE(link.check("0123456789abcdef0123456789abcdef", kStart));
}

}  // namespace
}  // namespace webpool::pool
