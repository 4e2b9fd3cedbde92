#include "wire/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace webpool::wire {
namespace {

TEST(Utf8, TakesWhatUnicodeAllows) {
  for (const std::string_view text :
       {"", "plain ascii, longer than eight bytes", "ü", "grüße", "\u20ac", "🌍", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}) {
    EXPECT_TRUE(isValidUtf8(text)) << text;
  }
}

TEST(Utf8, RefusesTheRest) {
  for (const std::string_view text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x8c", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff", "abcdefgh\xfc", "abcdefg\xc3", "\xc3\x28"}) {
    EXPECT_FALSE(isValidUtf8(text));
    EXPECT_FALSE(isValidUtf8("eight by" + std::string(text)));
  }
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(cutUtf8("short", 10), "short");
  EXPECT_EQ(cutUtf8("abcdef", 3), "abc");
  EXPECT_EQ(cutUtf8("aü", 2), "a");
  EXPECT_EQ(cutUtf8("aü", 3), "aü");
  EXPECT_EQ(cutUtf8("🌍🌍", 7), "🌍");
  EXPECT_EQ(cutUtf8("🌍", 3), "");
}

}  // namespace
}  // namespace webpool::wire
