#include "api/oip/classes.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "onnx/half.h"

namespace webpool::api::oip {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> textsOf(const Tensor& tensor) {
  EXPECT_EQ(tensor.type, DataType::Bytes);
  EXPECT_TRUE(tensor.validate());
  std::vector<std::string> texts;
  for (auto rest = tensor.data.text(); !rest.empty();) {
    std::uint32_t size = 0;
    std::memcpy(&size, rest.data(), sizeof size);
    texts.emplace_back(rest.substr(4, size));
    rest.remove_prefix(4 + size);
  }
  return texts;
}

template <class T>
std::vector<std::string> top(DataType type, Shape shape, std::vector<T> values,
                             std::uint64_t count) {
  const auto classes =
      topClasses(Tensor::of<T>("o", type, std::move(shape), std::span<const T>(values)), count);
  EXPECT_TRUE(classes) << (classes ? "" : classes.error().describe());
  return classes ? textsOf(*classes) : std::vector<std::string>{};
}

TEST(OipClasses, TheGreatestFirstAndOfEqualOnesTheFirst) {
  EXPECT_THAT(top<float>(DataType::Fp32, {4}, {1, 5, 10, 4}, 2), ElementsAre("10:2", "5:1"));
  EXPECT_THAT(top<float>(DataType::Fp32, {4}, {3, 7, 7, 7}, 3), ElementsAre("7:1", "7:2", "7:3"));
  EXPECT_THAT(top<float>(DataType::Fp32, {2}, {0.1F, -2.5F}, 9), ElementsAre("0.1:0", "-2.5:1"))
      << "no more than there are";
  EXPECT_THAT(top<float>(DataType::Fp32, {}, {0.5F}, 1), ElementsAre("0.5:0"));
}

TEST(OipClasses, LabelsAreToldWhereThereIsOneForEachNumber) {
  const std::vector<float> values{1, 3, 2, 6, 5, 4};
  const auto scores = Tensor::of<float>("o", DataType::Fp32, {2, 3}, values);
  const std::vector<std::string> labels{"cat", "a: b", ""};
  const auto top = topClasses(scores, 2, labels);
  ASSERT_TRUE(top);
  EXPECT_THAT(textsOf(*top), ElementsAre("3:1:a: b", "2:2:", "6:0:cat", "5:1:a: b"));
  for (const auto count : {2U, 4U}) {
    const std::vector<std::string> others(count, "x");
    EXPECT_THAT(textsOf(*topClasses(scores, 1, others)), ElementsAre("3:1", "6:0"));
  }
}

TEST(OipClasses, ABatchKeepsItsRows) {
  const std::vector<double> values{1, 2, 3, 9, 8, 7};
  const auto classes = topClasses(
      Tensor::of<double>("o", DataType::Fp64, {2, 3}, std::span<const double>(values)), 2);
  ASSERT_TRUE(classes);
  EXPECT_EQ(classes->name, "o");
  EXPECT_EQ(classes->shape, (Shape{2, 2}));
  EXPECT_THAT(textsOf(*classes), ElementsAre("3:2", "2:1", "9:0", "8:1"));
  const auto deeper = topClasses(
      Tensor::of<double>("o", DataType::Fp64, {1, 2, 3}, std::span<const double>(values)), 1);
  ASSERT_TRUE(deeper);
  EXPECT_EQ(deeper->shape, (Shape{1, 1}));
  EXPECT_THAT(textsOf(*deeper), ElementsAre("9:3"));
  const auto none = topClasses(Tensor{"o", DataType::Fp32, {0, 3}, {}}, 2);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->shape, (Shape{0, 2}));
  EXPECT_THAT(textsOf(*none), IsEmpty());
}

TEST(OipClasses, EachTypeByItsOwnOrder) {
  EXPECT_THAT(top<std::int8_t>(DataType::Int8, {3}, {-1, 65, -128}, 3),
              ElementsAre("65:1", "-1:0", "-128:2"));
  EXPECT_THAT(top<std::uint8_t>(DataType::Uint8, {2}, {1, 255}, 1), ElementsAre("255:1"));
  EXPECT_THAT(top<std::int64_t>(DataType::Int64, {2}, {9007199254740992, 9007199254740993}, 1),
              ElementsAre("9007199254740993:1"));
  EXPECT_THAT(top<std::uint64_t>(DataType::Uint64, {2}, {1, UINT64_MAX}, 1),
              ElementsAre("18446744073709551615:1"));
  EXPECT_THAT(
      top<std::uint16_t>(DataType::Fp16, {3}, {onnx::toHalf(-2), onnx::toHalf(1.5), 0x7c00}, 2),
      ElementsAre("inf:2", "1.5:1"));
  EXPECT_THAT(top<std::uint16_t>(DataType::Bf16, {2}, {onnx::toBfloat16(-2), 0x4040}, 1),
              ElementsAre("3:1"));
}

TEST(OipClasses, NanIsLessThanAnyNumber) {
  constexpr auto kNan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(top<float>(DataType::Fp32, {4}, {kNan, -INFINITY, kNan, 1}, 3),
              ElementsAre("1:3", "-inf:1", "nan:0"));
}

/// Whatever the numbers: what is given is as great as any that is left out, and its value is that
/// of its index.
TEST(OipClasses, NoneThatIsLeftOutIsGreater) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t length = 1 + random() % 40;
    const std::uint64_t count = 1 + random() % 45;
    std::vector<float> values(length);
    for (auto& value : values) value = static_cast<float>(random() % 30) / 7 - 2;
    const auto texts =
        top<float>(DataType::Fp32, {static_cast<std::int64_t>(length)}, values, count);
    ASSERT_EQ(texts.size(), std::min<std::size_t>(count, length));
    std::vector<bool> given(length);
    float least = INFINITY;
    for (const auto& text : texts) {
      float value = 0;
      std::size_t index = length;
      const auto* const end = text.data() + text.size();
      const auto read = std::from_chars(text.data(), end, value);
      ASSERT_EQ(*read.ptr, ':');
      ASSERT_EQ(std::from_chars(read.ptr + 1, end, index).ptr, end);
      ASSERT_LT(index, length);
      EXPECT_EQ(value, values[index]);
      EXPECT_LE(value, least);
      EXPECT_FALSE(given[index]);
      given[index] = true;
      least = value;
    }
    for (std::size_t i = 0; i < length; ++i) EXPECT_TRUE(given[i] || values[i] <= least);
  }
}

TEST(OipClasses, WhatHasNoOrderIsRefused) {
  const auto truth =
      topClasses(Tensor{"o", DataType::Bool, {1}, Bytes::copyOf(std::string_view("\1"))}, 1);
  ASSERT_FALSE(truth);
  EXPECT_EQ(truth.error().category, ErrorCategory::InvalidInput);
  EXPECT_FALSE(topClasses(Tensor{"o", DataType::Bytes, {0}, {}}, 1));
}

}  // namespace
}  // namespace webpool::api::oip
