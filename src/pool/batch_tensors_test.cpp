#include "pool/batch_tensors.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "pool/texts.h"

namespace webpool::pool {
namespace {

Tensor floats(const std::string& name, Shape shape, const std::vector<float>& values) {
  return Tensor::of<float>(name, DataType::Fp32, std::move(shape), values);
}

Tensor owners(const std::vector<std::int64_t>& values) {
  return Tensor::of<std::int64_t>("text", DataType::Int64,
                                  {static_cast<std::int64_t>(values.size())}, values);
}

Tensor strings(const std::string& name, const std::vector<std::string>& values) {
  auto tensor = textTensor(values);
  tensor.name = name;
  return tensor;
}

std::vector<float> valuesOf(const Tensor& tensor) {
  return {tensor.as<float>().begin(), tensor.as<float>().end()};
}

TEST(BatchTensorsTest, JoinsAlongTheFirstAxis) {
  const std::vector<std::vector<Tensor>> calls{{floats("x", {1, 2}, {1, 2})},
                                               {floats("x", {2, 2}, {3, 4, 5, 6})}};
  const auto joined = joinInputs(calls);
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->front().shape, (Shape{3, 2}));
  EXPECT_EQ(valuesOf(joined->front()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(BatchTensorsTest, JoinsByNameWhateverTheOrder) {
  const std::vector<std::vector<Tensor>> calls{{floats("a", {1}, {1}), floats("b", {1}, {2})},
                                               {floats("b", {1}, {4}), floats("a", {1}, {3})}};
  const auto joined = joinInputs(calls);
  ASSERT_TRUE(joined);
  EXPECT_EQ(valuesOf((*joined)[0]), (std::vector<float>{1, 3}));
  EXPECT_EQ(valuesOf((*joined)[1]), (std::vector<float>{2, 4}));
}

TEST(BatchTensorsTest, JoinsTexts) {
  const std::vector<std::vector<Tensor>> calls{{strings("text", {"a", "bcd"})},
                                               {strings("text", {""})}};
  const auto joined = joinInputs(calls);
  ASSERT_TRUE(joined);
  EXPECT_EQ(stringsOf(joined->front()), (std::vector<std::string>{"a", "bcd", ""}));
  EXPECT_TRUE(joined->front().validate());
}

TEST(BatchTensorsTest, WhatDoesNotFitIsNotJoined) {
  const std::vector<std::vector<Tensor>> widths{{floats("x", {1, 2}, {1, 2})},
                                                {floats("x", {1, 1}, {3})}};
  EXPECT_FALSE(joinInputs(widths));
  const std::vector<std::vector<Tensor>> names{{floats("x", {1}, {1})}, {floats("y", {1}, {3})}};
  EXPECT_FALSE(joinInputs(names));
}

TEST(BatchTensorsTest, SplitsRows) {
  const std::vector<Tensor> outputs{floats("y", {3, 2}, {1, 2, 3, 4, 5, 6})};
  const std::vector<std::uint64_t> items{2, 1};
  const auto shares = splitOutputs(outputs, items);
  ASSERT_TRUE(shares);
  EXPECT_EQ((*shares)[0].front().shape, (Shape{2, 2}));
  EXPECT_EQ(valuesOf((*shares)[0].front()), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(valuesOf((*shares)[1].front()), (std::vector<float>{5, 6}));
}

TEST(BatchTensorsTest, SplitsTokensByTheTextTheyAreOf) {
  const std::vector<Tensor> outputs{floats("logits", {4, 1}, {1, 2, 3, 4}), owners({0, 0, 2, 3}),
                                    strings("tokens", {"a", "bb", "ccc", ""})};
  const std::vector<std::uint64_t> items{1, 2, 1};
  const auto shares = splitOutputs(outputs, items);
  ASSERT_TRUE(shares) << shares.error().message;
  EXPECT_EQ(valuesOf((*shares)[0][0]), (std::vector<float>{1, 2}));
  EXPECT_EQ(stringsOf((*shares)[0][2]), (std::vector<std::string>{"a", "bb"}));
  EXPECT_EQ((*shares)[1][1].as<std::int64_t>().front(), 1);  // the second of its two texts
  EXPECT_EQ(stringsOf((*shares)[1][2]), std::vector<std::string>{"ccc"});
  EXPECT_EQ((*shares)[2][1].as<std::int64_t>().front(), 0);
}

TEST(BatchTensorsTest, AnAnswerWithoutARowForEachIsNotShared) {
  const std::vector<std::uint64_t> items{1, 1};
  EXPECT_FALSE(splitOutputs(std::vector{floats("y", {1, 2}, {1, 2})}, items));
  EXPECT_FALSE(splitOutputs(std::vector{floats("y", {}, {1})}, items));
  EXPECT_FALSE(splitOutputs(std::vector{floats("y", {1}, {1}), owners({2})}, items));
  EXPECT_FALSE(splitOutputs(std::vector{floats("y", {2}, {1, 2}), owners({1, 0})}, items));
}

TEST(BatchTensorsTest, SharesOutWhatIsToldOfEachItem) {
  const boost::json::object details{{"tokens", {3, 4, 5}}, {"model", "m"}};
  const std::vector<std::uint64_t> items{1, 2};
  const auto shares = splitDetails(details, items);
  EXPECT_EQ(shares[0].at("tokens"), (boost::json::array{3}));
  EXPECT_EQ(shares[1].at("tokens"), (boost::json::array{4, 5}));
  EXPECT_EQ(shares[1].at("model"), "m");
}

/// A model that does nothing gives each call its own tensors back.
TEST(BatchTensorsTest, RandomCallsComeBackUnmixed) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    const auto width = 1 + random() % 5;
    std::vector<std::vector<Tensor>> calls;
    std::vector<std::uint64_t> items;
    for (std::size_t i = 0; i < 1 + random() % 8; ++i) {
      const auto rows = 1 + random() % 4;
      std::vector<float> values;
      for (std::size_t k = 0; k < rows * width; ++k) values.push_back(float(random() % 1000));
      calls.push_back({floats(
          "x", {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(width)}, values)});
      items.push_back(rows);
    }
    const auto joined = joinInputs(calls);
    ASSERT_TRUE(joined);
    const auto shares = splitOutputs(*joined, items);
    ASSERT_TRUE(shares);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      EXPECT_EQ((*shares)[i].front().shape, calls[i].front().shape);
      EXPECT_EQ(valuesOf((*shares)[i].front()), valuesOf(calls[i].front()));
    }
  }
}

}  // namespace
}  // namespace webpool::pool
