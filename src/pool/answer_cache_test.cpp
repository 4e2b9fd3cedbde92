#include "pool/answer_cache.h"

#include <gtest/gtest.h>

#include <random>

namespace webpool::pool {
namespace {

Inference answerOf(const std::string& text) {
  Inference answer;
  answer.outputs.push_back(
      {"out", DataType::Uint8, {std::int64_t(text.size())}, Bytes::copyOf(text)});
  answer.timings.runMs = 5;
  answer.batchItems = 3;
  return answer;
}

TEST(AnswerCacheTest, AnEqualCallHasTheAnswerAndNoTimes) {
  AnswerCache cache(1 << 20);
  EXPECT_FALSE(cache.find("a"));
  cache.keep("a", answerOf("one"));
  const auto found = cache.find("a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->outputs.front().data.text(), "one");
  EXPECT_TRUE(found->cached);
  EXPECT_TRUE(found->timings.cached);
  EXPECT_EQ(found->timings.runMs, 0);
  EXPECT_EQ(found->batchItems, 0U) << "nothing ran";
  EXPECT_FALSE(cache.find("b"));
}

TEST(AnswerCacheTest, OffItKeepsNothing) {
  AnswerCache cache(0);
  EXPECT_FALSE(cache.isOn());
  cache.keep("a", answerOf("one"));
  EXPECT_FALSE(cache.find("a"));
}

TEST(AnswerCacheTest, TheLeastRecentlyUsedLeavesFirst) {
  AnswerCache cache(3 * 1300);
  const std::string large(1000, 'x');
  for (const auto* key : {"a", "b", "c"}) cache.keep(key, answerOf(large));
  ASSERT_EQ(cache.size(), 3U);
  EXPECT_TRUE(cache.find("a"));
  cache.keep("d", answerOf(large));
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
  EXPECT_TRUE(cache.find("d"));
}

TEST(AnswerCacheTest, WhatIsLargerThanAllIsNotKeptAndDrivesNothingOut) {
  AnswerCache cache(2000);
  cache.keep("a", answerOf("one"));
  cache.keep("b", answerOf(std::string(5000, 'x')));
  EXPECT_TRUE(cache.find("a"));
  EXPECT_FALSE(cache.find("b"));
}

TEST(AnswerCacheTest, NeverMoreThanItMayHoldAndTheLatestIsThere) {
  AnswerCache cache(10'000);
  std::mt19937 random(5);
  for (int i = 0; i < 5000; ++i) {
    const auto key = std::to_string(random() % 200);
    cache.keep(key, answerOf(key + std::string(random() % 2000, 'y')));
    ASSERT_LE(cache.bytes(), 10'000U);
    const auto found = cache.find(key);
    ASSERT_TRUE(found);
    ASSERT_TRUE(found->outputs.front().data.text().starts_with(key));
  }
}

}  // namespace
}  // namespace webpool::pool
