#include "tasks/token_entities.h"

#include <gtest/gtest.h>

#include <limits>

namespace webpool::tasks {
namespace {

TEST(GroupEntities, JoinsNeighboursOfOneLabel) {
  const std::string text = "Zoé Ng met Ann in Rome";
  const TokenLabel tokens[] = {{"zoe", "B-PER", 0.9, 0, 3},  {"ng", "I-PER", 0.7, 4, 6},
                               {"met", "O", 0.9, 7, 10},     {"ann", "B-PER", 1, 11, 14},
                               {"in", "O", 1, 15, 17},       {"rome", "B-LOC", 0.5, 18, 22},
                               {"[SEP]", "B-LOC", 1, -1, -1}};
  const auto entities = groupEntities(tokens, text);
  ASSERT_EQ(entities.size(), 3U);
  EXPECT_EQ(entities[0].word, "Zoé Ng");
  EXPECT_EQ(entities[0].label, "PER");
  EXPECT_NEAR(entities[0].score, 0.8, 1e-9);
  EXPECT_EQ(entities[1].word, "Ann");
  EXPECT_EQ(entities[2].word, "Rome");
  EXPECT_EQ(entities[2].start, 18U);
  EXPECT_EQ(entities[2].end, 22U);
}

TEST(GroupEntities, ABeginsAnother) {
  const TokenLabel tokens[] = {
      {"a", "B-X", 1, 0, 1}, {"b", "B-X", 1, 2, 3}, {"c", "I-X", 1, 4, 5}, {"d", "I-Y", 1, 6, 7}};
  const auto entities = groupEntities(tokens, "a b c d");
  ASSERT_EQ(entities.size(), 3U);
  EXPECT_EQ(entities[0].word, "a");
  EXPECT_EQ(entities[1].word, "b c");
  EXPECT_EQ(entities[2].word, "d");
}

TEST(GroupEntities, PlacesOutsideTheTextAreNotFollowed) {
  const TokenLabel tokens[] = {{"a", "B-X", 1, 0, 9}, {"b", "B-X", 1, 3, 1}};
  EXPECT_TRUE(groupEntities(tokens, "ab").empty());
}

TEST(TokenLabels, AreTheBestOfEach) {
  const float logits[] = {0, 5, 5, 0};
  const std::string tokens[] = {"x", "y"};
  const std::int64_t offsets[] = {0, 1, 1, 2};
  const auto labels = tokenLabels(logits, 2, tokens, offsets, {.labels = {"O", "B-X"}});
  ASSERT_TRUE(labels);
  EXPECT_EQ((*labels)[0].label, "B-X");
  EXPECT_EQ((*labels)[1].label, "O");
  EXPECT_EQ((*labels)[1].start, 1);
  const float bad[] = {0, 1, std::numeric_limits<float>::quiet_NaN(), 0};
  EXPECT_EQ(tokenLabels(bad, 2, tokens, offsets, {}).error().category, ErrorCategory::WrongResult);
}

}  // namespace
}  // namespace webpool::tasks
