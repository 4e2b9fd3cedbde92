#include "onnx/text.h"

#include <gtest/gtest.h>

#include <array>

namespace webpool::onnx {
namespace {

TEST(Utf8, WellFormed) {
  for (const auto* text : {"", "abc", "größe", "日本語", "\U0001F600", "\x7f", "\xc2\x80"}) {
    EXPECT_TRUE(isUtf8(text)) << text;
  }
}

TEST(Utf8, Malformed) {
  for (const auto* text : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xe2\x82",
                           "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "a\xfe"}) {
    EXPECT_FALSE(isUtf8(text));
  }
}

TEST(Nearest, FindsTypos) {
  constexpr std::array<std::string_view, 3> kNames{"input_ids", "attention_mask", "token_type_ids"};
  EXPECT_EQ(nearest("input_id", kNames), "input_ids");
  EXPECT_EQ(nearest("attentionmask", kNames), "attention_mask");
  EXPECT_EQ(nearest("pixel_values", kNames), "");
  EXPECT_EQ(nearest("x", std::array<std::string_view, 1>{"y"}), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), kNames), "");
}

}  // namespace
}  // namespace webpool::onnx
