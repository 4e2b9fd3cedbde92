#include "pool/agreement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace webpool::pool {
namespace {

Tensor floats(std::string name, std::vector<float> values) {
  return Tensor::of<float>(std::move(name), DataType::Fp32,
                           {static_cast<std::int64_t>(values.size())}, values);
}

TEST(Agreement, SeesAWrongSingleNumberThatACosineWouldNot) {
  // Silero on a WebGPU driver: 0.0567 where every other runtime says 0.0726.
  const std::vector reference{floats("output", {0.0726F})};
  const std::vector answer{floats("output", {0.0567F})};
  const auto agreement = compareOutputs(answer, reference, "fp32");
  EXPECT_FALSE(agreement.agrees);
  EXPECT_NEAR(agreement.relativeError, 0.219, 0.001);
  EXPECT_EQ(agreement.worst, "output");
}

TEST(Agreement, AllowsTheLastDigits) {
  const std::vector reference{floats("a", {1.F, 2.F, 3.F}), floats("b", {0.F, 0.F})};
  const std::vector answer{floats("b", {1e-8F, 0.F}), floats("a", {1.0001F, 2.F, 2.9999F})};
  EXPECT_TRUE(compareOutputs(answer, reference, "fp32").agrees);
}

TEST(Agreement, AllZerosWhereThereShouldBeNumbersDisagree) {
  EXPECT_FALSE(compareOutputs(std::vector{floats("a", {0.F, 0.F})},
                              std::vector{floats("a", {1.F, 2.F})}, "q8")
                   .agrees);
}

TEST(Agreement, NanShapeTypeAndMissingOutputsDisagree) {
  const std::vector reference{floats("a", {1.F, 2.F})};
  EXPECT_FALSE(compareOutputs(std::vector{floats("a", {1.F, NAN})}, reference, "fp32").agrees);
  EXPECT_FALSE(compareOutputs(std::vector{floats("a", {1.F})}, reference, "fp32").agrees);
  EXPECT_FALSE(compareOutputs(std::vector{floats("b", {1.F, 2.F})}, reference, "fp32").agrees);
  EXPECT_FALSE(compareOutputs(std::vector<Tensor>{}, reference, "fp32").agrees);
}

TEST(Agreement, IntegersMustBeEqual) {
  const std::vector<std::int64_t> one{1};
  const std::vector<std::int64_t> two{2};
  const auto a = Tensor::of<std::int64_t>("i", DataType::Int64, {1}, one);
  const auto b = Tensor::of<std::int64_t>("i", DataType::Int64, {1}, two);
  EXPECT_TRUE(compareOutputs(std::vector{a}, std::vector{a}, "fp32").agrees);
  EXPECT_FALSE(compareOutputs(std::vector{a}, std::vector{b}, "fp32").agrees);
}

TEST(Agreement, ZerosAndWhatIsNoNumberSayNothing) {
  const std::vector<std::int64_t> one{0, 1};
  const std::vector<std::int64_t> zero{0, 0};
  EXPECT_TRUE(saysSomething(std::vector{floats("a", {0.F, 0.1F})}));
  EXPECT_TRUE(saysSomething(
      std::vector{floats("a", {0.F}), Tensor::of<std::int64_t>("i", DataType::Int64, {2}, one)}));
  EXPECT_FALSE(saysSomething(std::vector{
      floats("a", {0.F, 0.F}), Tensor::of<std::int64_t>("i", DataType::Int64, {2}, zero)}));
  EXPECT_FALSE(saysSomething(std::vector{floats("a", {1.F}), floats("b", {NAN, 1.F})}));
  EXPECT_FALSE(saysSomething(std::vector{floats("a", {INFINITY})}));
  EXPECT_FALSE(saysSomething(std::vector<Tensor>{}));
}

}  // namespace
}  // namespace webpool::pool
