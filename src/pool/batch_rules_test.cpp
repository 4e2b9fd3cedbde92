#include "pool/batch_rules.h"

#include <gtest/gtest.h>

#include "pool/texts.h"

namespace webpool::pool {
namespace {

TensorSpec spec(const std::string& name, Shape shape, std::vector<std::string> symbols) {
  return {name, DataType::Fp32, std::move(shape), std::move(symbols), true};
}

ModelDescription graph(TensorSpec input, TensorSpec output) {
  ModelDescription description;
  description.inputs = {std::move(input)};
  description.outputs = {std::move(output)};
  return description;
}

Tensor row(std::int64_t rows, std::int64_t width) {
  const std::vector<float> values(static_cast<std::size_t>(rows * width));
  return Tensor::of<float>("x", DataType::Fp32, {rows, width}, values);
}

TEST(BatchRulesTest, TextsShareARun) {
  const BatchRules rules({}, taskOf("text-embedding"));
  const std::vector<std::string> texts{"a", "four"};
  const auto share = rules.shareOf({textTensor(texts)}, {}, {});
  EXPECT_NE(share.kind, 0u);
  EXPECT_EQ(share.items, 2u);
  EXPECT_EQ(share.length, 4u);
  EXPECT_NE(rules.shareOf({textTensor(texts)}, {{"normalize", false}}, {}).kind, share.kind);
}

TEST(BatchRulesTest, RowsOfAModelWithABatchShareARun) {
  const BatchRules rules(
      graph(spec("x", {-1, -1}, {"batch", "width"}), spec("y", {-1, 2}, {"batch", ""})),
      taskOf("tensors"));
  EXPECT_TRUE(rules.joins());
  const auto share = rules.shareOf({row(2, 3)}, {}, {});
  EXPECT_EQ(share.items, 2u);
  EXPECT_EQ(rules.shareOf({row(1, 3)}, {}, {}).kind, share.kind);
  EXPECT_NE(rules.shareOf({row(1, 4)}, {}, {}).kind, share.kind);
}

TEST(BatchRulesTest, AFirstDimensionThatIsNoBatchIsNotShared) {
  const auto& tensors = taskOf("tensors");
  EXPECT_FALSE(
      BatchRules(graph(spec("x", {-1, 2}, {"sequence", ""}), spec("y", {-1, 2}, {"sequence", ""})),
                 tensors)
          .joins());
  EXPECT_FALSE(
      BatchRules(graph(spec("x", {1, 2}, {"", ""}), spec("y", {1, 2}, {"", ""})), tensors).joins());
  EXPECT_FALSE(
      BatchRules(graph(spec("x", {-1, 2}, {"batch", ""}), spec("y", {1}, {""})), tensors).joins());
  EXPECT_FALSE(
      BatchRules(graph(spec("x", {-1, -1}, {"batch", "batch"}), spec("y", {-1}, {"batch"})),
                 tensors)
          .joins());
}

TEST(BatchRulesTest, WhoStreamsOrWantsItsOwnRunGoesAlone) {
  const BatchRules rules({}, taskOf("text-embedding"));
  const std::vector<std::string> texts{"a"};
  RunOptions own;
  own.shared = false;
  EXPECT_EQ(rules.shareOf({textTensor(texts)}, {}, own).kind, 0u);
  EXPECT_TRUE(rules.answerKey({textTensor(texts)}, {}, own).empty());
  RunOptions streaming;
  streaming.onPartial = [](const PartialAnswer&) {};
  EXPECT_EQ(rules.shareOf({textTensor(texts)}, {}, streaming).kind, 0u);
}

TEST(BatchRulesTest, OnlyTheSameCallHasTheSameAnswer) {
  const BatchRules rules({}, taskOf("text-embedding"));
  const auto key = [&](const std::vector<std::string>& texts) {
    return rules.answerKey({textTensor(texts)}, {}, {});
  };
  EXPECT_EQ(key({"a", "b"}), key({"a", "b"}));
  EXPECT_NE(key({"a", "b"}), key({"ab"}));
  EXPECT_NE(key({"a"}), rules.answerKey({textTensor(std::vector<std::string>{"a"})},
                                        {{"normalize", false}}, {}));
}

TEST(BatchRulesTest, WhatMayBeRandomIsNeverShared) {
  const BatchRules rules({}, taskOf("text-generation"));
  EXPECT_TRUE(rules.answerKey({row(1, 1)}, {}, {}).empty());
  EXPECT_FALSE(rules.joins());
}

}  // namespace
}  // namespace webpool::pool
