#include "tasks/mask_words.h"

#include <gtest/gtest.h>

namespace webpool::tasks {
namespace {

constexpr auto kBert = R"({"model": {"type": "WordPiece", "continuing_subword_prefix": "##",
    "vocab": {"[MASK]": 0, "paris": 1, "##ing": 2}}})";
constexpr auto kBertConfig = R"({"mask_token": "[MASK]"})";

TEST(MaskWords, OfWordPieces) {
  const auto words = MaskWords::read(kBert, kBertConfig);
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(words->mask(), "[MASK]");
  EXPECT_EQ(words->word(2), "ing");
  EXPECT_EQ(words->filled("Go [MASK] or [MASK].", 0, 2), "Going or [MASK].");
  EXPECT_EQ(words->filled("Go [MASK] or [MASK].", 1, 1), "Go [MASK] or paris.");
  EXPECT_EQ(words->filled("Go", 0, 1), "Go");
  EXPECT_EQ(words->word(9), "");
  EXPECT_EQ(words->masksIn("[MASK] [MASK]"), 2U);
}

TEST(MaskWords, OfByteLevelPieces) {
  const auto words = MaskWords::read(
      R"({"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE",
          "vocab": {"<mask>": 0, "ĠParis": 1, "ing": 2, "ĠcafÃ©": 3}}})",
      R"({"mask_token": {"content": "<mask>", "lstrip": true}})");
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(words->word(1), "Paris");
  EXPECT_EQ(words->word(3), "café");
  EXPECT_EQ(words->filled("In <mask>.", 0, 1), "In Paris.");
  EXPECT_EQ(words->filled("go <mask>", 0, 2), "going");
}

TEST(MaskWords, OfSentencePieces) {
  const auto words = MaskWords::read(
      R"({"model": {"type": "Unigram", "vocab": [["<mask>", 0], ["▁Rom", -1.5], ["a", -2]]}})",
      R"({"mask_token": "<mask>"})");
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(words->filled("In <mask>", 0, 1), "In Rom");
  EXPECT_EQ(words->filled("Rom <mask>", 0, 2), "Roma");
}

TEST(MaskWords, WhatIsMissingIsNamed) {
  EXPECT_EQ(MaskWords::read("{}", kBertConfig).error().category, ErrorCategory::InvalidModel);
  EXPECT_EQ(MaskWords::read(kBert, "{}").error().category, ErrorCategory::InvalidModel);
  EXPECT_EQ(MaskWords::read(R"({"model": {"vocab": {"a": -1}}})", kBertConfig).error().category,
            ErrorCategory::InvalidModel);
  EXPECT_EQ(MaskWords::read("nonsense", "nonsense").error().category, ErrorCategory::InvalidModel);
}

}  // namespace
}  // namespace webpool::tasks
