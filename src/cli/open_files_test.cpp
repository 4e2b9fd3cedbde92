#include "cli/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace webpool::cli {
namespace {

TEST(OpenFiles, TheLimitIsRaisedToWhatIsAllowed) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  auto low = before;
  low.rlim_cur = 128;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  const auto raised = raiseOpenFiles();
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, raised);
  EXPECT_GE(raised, 128U);
  EXPECT_TRUE(raised == after.rlim_max || raised == 65536U) << raised;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(OpenFiles, SomeAreLeftForOthers) {
  EXPECT_EQ(connectionsUnder(20'000), 19'488U);
  EXPECT_EQ(connectionsUnder(1024), 512U);
  EXPECT_EQ(connectionsUnder(100), 64U);
  EXPECT_EQ(connectionsUnder(1'000'000), 20'000U);
}

}  // namespace
}  // namespace webpool::cli
