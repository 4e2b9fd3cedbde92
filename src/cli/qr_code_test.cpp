#include "cli/qr_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "cli/terminal.h"

namespace webpool::cli {
namespace {

/// The drawn modules, true where dark, read back from the characters.
std::vector<std::vector<bool>> modules(const std::string& text) {
  std::vector<std::vector<bool>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::vector<bool> upper;
    std::vector<bool> lower;
    for (std::size_t at = 0; at < line.size();) {
      const bool plain = line[at] == ' ';
      const auto sign = line.substr(at, plain ? 1 : 3);
      upper.push_back(sign != "▀" && sign != "█");
      lower.push_back(sign != "▄" && sign != "█");
      at += sign.size();
    }
    rows.push_back(upper);
    rows.push_back(lower);
  }
  return rows;
}

TEST(QrCode, HasItsThreeFindersInAQuietZone) {
  const auto text =
      qrCodeText("https://192.168.178.21:41234/join/#key=0123456789abcdef0123456789abcdef", false);
  const auto rows = modules(text);
  ASSERT_GE(rows.size(), 41u);
  const auto width = rows[0].size();
  for (const auto& row : rows) ASSERT_EQ(row.size(), width);
  for (std::size_t x = 0; x < width; ++x) {
    for (std::size_t y = 0; y < 4; ++y) EXPECT_FALSE(rows[y][x]) << x << "," << y;
  }
  const auto expectFinder = [&](std::size_t left, std::size_t top) {
    for (std::size_t y = 0; y < 7; ++y) {
      for (std::size_t x = 0; x < 7; ++x) {
        const bool ring = x == 0 || y == 0 || x == 6 || y == 6;
        const bool heart = x >= 2 && x <= 4 && y >= 2 && y <= 4;
        EXPECT_EQ(rows[top + y][left + x], ring || heart) << x << "," << y;
      }
    }
  };
  expectFinder(4, 4);
  expectFinder(width - 4 - 7, 4);
  expectFinder(4, width - 4 - 7);
}

TEST(QrCode, OtherTextsAreOtherCodesAndTooLongOnesNone) {
  EXPECT_NE(qrCodeText("a", false), qrCodeText("b", false));
  EXPECT_EQ(qrCodeText(std::string(5000, 'x'), false), "");
  EXPECT_THAT(qrCodeText("a", true), testing::StartsWith("\033["));
}

}  // namespace
}  // namespace webpool::cli
