#include "tasks/model_config.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace webpool::tasks {
namespace {

using testing::ElementsAre;

TEST(ModelConfig, SaysWhatItIsAndItsLabels) {
  const auto config = readModelConfig(R"({"architectures": ["BertForSequenceClassification"],
      "id2label": {"1": "POSITIVE", "0": "NEGATIVE"}, "problem_type": "single_label_classification"})");
  ASSERT_TRUE(config);
  EXPECT_EQ(taskOfArchitecture(config->architecture), "text-classification");
  EXPECT_THAT(config->labels, ElementsAre("NEGATIVE", "POSITIVE"));
  EXPECT_EQ(config->label(5), "LABEL_5");
  EXPECT_FALSE(config->severalLabels);
}

TEST(ModelConfig, WhatIsNoneIsNamed) {
  EXPECT_EQ(readModelConfig("[1]").error().category, ErrorCategory::InvalidModel);
  EXPECT_EQ(readModelConfig(R"({"id2label": {"-1": "x"}})").error().category,
            ErrorCategory::InvalidModel);
  EXPECT_EQ(readModelConfig(R"({"id2label": {"99999999999": "x"}})").error().category,
            ErrorCategory::InvalidModel);
  EXPECT_TRUE(readModelConfig("{}"));
}

TEST(ModelConfig, TellsHowManyLabelsThereAre) {
  const auto count = [](const char* text) { return readModelConfig(text)->labelCount; };
  EXPECT_EQ(count(R"({"id2label": {"0": "a", "1": "b"}, "num_labels": 7})"), 2U);
  EXPECT_EQ(count(R"({"num_labels": 7})"), 7U);
  EXPECT_EQ(count(R"({"num_labels": -7, "id2label": {}})"), 0U);
  EXPECT_EQ(count("{}"), 0U);
}

TEST(ModelConfig, OtherNumbersOfLabelsAreUnsupported) {
  const auto refused = checkLabels({.labelCount = 3}, "vit", 768);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(refused.error().message, testing::StartsWith("vit gives 768 values"));
  EXPECT_TRUE(checkLabels({.labelCount = 3}, "vit", 3));
  EXPECT_TRUE(checkLabels({}, "vit", 768)) << "where nothing is told";
}

TEST(ModelConfig, TasksByArchitecture) {
  EXPECT_EQ(taskOfArchitecture("RobertaForMaskedLM"), "fill-mask");
  EXPECT_EQ(taskOfArchitecture("DistilBertForTokenClassification"), "token-classification");
  EXPECT_EQ(taskOfArchitecture("ViTForImageClassification"), "image-classification");
  EXPECT_EQ(taskOfArchitecture("BertModel"), "");
}

TEST(LabelScores, AreSharesOfOneBestFirst) {
  const float logits[] = {0, std::log(3.0F), 0};
  const auto all = labelScores(logits, {.labels = {"a", "b", "c"}}, 0);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ((*all)[0].label, "b");
  EXPECT_NEAR((*all)[0].score, 0.6, 1e-6);
  EXPECT_EQ((*all)[1].label, "a");  // Of equals the first.
  EXPECT_EQ(labelScores(logits, {}, 1)->size(), 1U);
}

TEST(LabelScores, EachForItselfWhereThereMayBeSeveral) {
  const float logits[] = {0, 100};
  const auto labels = labelScores(logits, {.severalLabels = true}, 0);
  EXPECT_NEAR((*labels)[0].score, 1, 1e-9);
  EXPECT_NEAR((*labels)[1].score, 0.5, 1e-9);
  const float one[] = {0};
  EXPECT_NEAR(labelScores(one, {}, 0)->front().score, 0.5, 1e-9);
}

TEST(LabelScores, NoNumbersAreAnError) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const float logits[] = {0, bad};
    EXPECT_EQ(labelScores(logits, {}, 0).error().category, ErrorCategory::WrongResult);
  }
  EXPECT_FALSE(labelScores({}, {}, 0));
}

}  // namespace
}  // namespace webpool::tasks
