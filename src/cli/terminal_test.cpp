#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace webpool::cli {
namespace {

TEST(Terminal, NumbersReadEasily) {
  EXPECT_EQ(bytesText(999), "999 B");
  EXPECT_EQ(bytesText(54'400'000), "54.4 MB");
  EXPECT_EQ(bytesText(1'500'000'000), "1.50 GB");
  EXPECT_EQ(millisecondsText(0.421), "0.42 ms");
  EXPECT_EQ(millisecondsText(830.2), "830 ms");
  EXPECT_EQ(millisecondsText(1250), "1.25 s");
}

TEST(Terminal, FitsByCodePointsNotBytes) {
  EXPECT_EQ(fitText("häuser", 6), "häuser");
  EXPECT_EQ(textWidth(fitText("eine sehr lange Überschrift", 10)), 10u);
  EXPECT_EQ(fitText("abcdefghij", 7), "abcd…ij");
}

TEST(Terminal, TablesAlignWideLetters) {
  EXPECT_EQ(tableText({{"a", "b"}, {"ää", "x"}}), "a   b\nää  x\n");
}

TEST(Terminal, WithoutATerminalAStepHasOneLine) {
  testing::internal::CaptureStderr();
  {
    ProgressLine progress(false);
    const auto show = progress.callback();
    for (std::uint64_t done = 0; done < 100; ++done) {
      show({"fetch", "a", done, 100});
      show({"fetch", "b", done, 1000});
    }
    show({"compile", "", 0, 0});
    progress.clear();
    show({"compile", "", 0, 0});
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "fetch a (100 B)\nfetch b (1.0 kB)\ncompile\ncompile\n");
}

}  // namespace
}  // namespace webpool::cli
