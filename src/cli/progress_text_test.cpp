#include "cli/progress_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/terminal.h"

namespace webpool::cli {
namespace {

TEST(ProgressText, ALongStepLeavesTheBarWhole) {
  for (const std::uint64_t total : {1'000ull, 999'949'000ull, 999'990'000'000ull}) {
    const auto text = progressText({"import", std::string(200, 'x'), total / 2, total});
    EXPECT_THAT(text, testing::HasSubstr(" [==========          ]  50 % of " + bytesText(total)));
    EXPECT_LE(textWidth(text), 79u);
  }
  EXPECT_EQ(progressText({"hash", "a", 0, 0}), "hash a");
}

}  // namespace
}  // namespace webpool::cli
