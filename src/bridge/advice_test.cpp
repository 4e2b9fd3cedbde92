#include "bridge/advice.h"

#include <gmock/gmock.h>

#include <set>

namespace webpool::bridge {
namespace {

TEST(Advice, AnErrorsOwnHintComesFirst) {
  EXPECT_EQ(nextStep({ErrorCategory::Timeout, "too late", "wait"}), "wait");
}

TEST(Advice, EachCategoryHasOneOfItsOwn) {
  std::set<std::string> steps;
  for (int i = 0; i <= static_cast<int>(ErrorCategory::Internal); ++i) {
    const auto step = nextStep({static_cast<ErrorCategory>(i), "it failed", ""});
    EXPECT_NE(step, "");
    EXPECT_TRUE(steps.insert(step).second) << step;
  }
}

TEST(Advice, ABrowserThatFailsHasAWayToSeeWhy) {
  EXPECT_THAT(nextStep({ErrorCategory::BrowserFailed, "it ended", ""}),
              testing::HasSubstr("webpool browsers --probe"));
}

}  // namespace
}  // namespace webpool::bridge
