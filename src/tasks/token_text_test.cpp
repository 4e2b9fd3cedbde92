#include "tasks/token_text.h"

#include <gmock/gmock.h>

namespace webpool::tasks {
namespace {

using testing::HasSubstr;

// "Ġ" stands for a blank, "Ċ" for a line's end, "ã", "ģ", "Ĥ" for the bytes E3 81 82 of "あ".
constexpr auto kVocabulary =
    R"({"And": 0, "\u0120so": 1, "\u010a": 2, "\u00e3\u0123": 3, "\u0124": 4, "<|endoftext|>": 5})";

std::string textOf(std::vector<std::int64_t> tokens) {
  return TokenText::read(kVocabulary).value().text(tokens);
}

TEST(TokenText, JoinsBytes) {
  EXPECT_EQ(textOf({0, 1, 2}), "And so\n");
  EXPECT_EQ(textOf({3, 4}), "\u3042");
}

TEST(TokenText, MarksAndUnknownTokensStandForNothing) {
  EXPECT_EQ(textOf({5, 0, 50'364, -1}), "And");
}

TEST(TokenText, ACharacterThatLacksBytesIsReplaced) {
  EXPECT_EQ(textOf({3}), "\uFFFD\uFFFD");
  EXPECT_EQ(textOf({3, 0}), "\uFFFD\uFFFDAnd");
  EXPECT_EQ(textOf({4, 0}), "\uFFFDAnd");
}

TEST(TokenText, WhatIsNoVocabularyIsRefused) {
  EXPECT_EQ(TokenText::read("[").error().category, ErrorCategory::InvalidModel);
  EXPECT_EQ(TokenText::read("[1]").error().category, ErrorCategory::InvalidModel);
  EXPECT_THAT(TokenText::read(R"({"a": -1})").error().message, HasSubstr("'a'"));
  EXPECT_FALSE(TokenText::read(R"({"a": "b"})"));
  EXPECT_FALSE(TokenText::read(R"({"a": 99999999999})"));
}

}  // namespace
}  // namespace webpool::tasks
