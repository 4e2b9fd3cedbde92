#include "bridge/sound_content.h"

#include <gmock/gmock.h>

#include <vector>

namespace webpool::bridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <class T>
Tensor tensor(DataType type, Shape shape, const std::vector<T>& values) {
  return Tensor::of<T>("", type, std::move(shape), values);
}

template <class T>
std::vector<float> samplesOf(DataType type, const std::vector<T>& values) {
  const auto sound = soundFrom(tensor(type, {std::int64_t(values.size())}, values), 8'000);
  EXPECT_TRUE(sound) << sound.error().describe();
  if (!sound) return {};
  EXPECT_EQ(sound->rate, 8'000U);
  return sound->samples;
}

std::vector<float> mixedOf(Shape shape, const std::vector<float>& values) {
  const auto sound = soundFrom(tensor(DataType::Fp32, std::move(shape), values), 8'000);
  EXPECT_TRUE(sound) << sound.error().describe();
  return sound ? sound->samples : std::vector<float>{};
}

TEST(SoundContent, EveryTypeOfSamplesIsAShareOfOne) {
  EXPECT_THAT(samplesOf<float>(DataType::Fp32, {0, 0.5F, -1}), ElementsAre(0, 0.5F, -1));
  EXPECT_THAT(samplesOf<double>(DataType::Fp64, {0, 0.5, -1}), ElementsAre(0, 0.5F, -1));
  EXPECT_THAT(samplesOf<std::uint16_t>(DataType::Fp16, {0, 0x3800, 0xbc00}),
              ElementsAre(0, 0.5F, -1));
  EXPECT_THAT(samplesOf<std::uint16_t>(DataType::Bf16, {0, 0x3f00, 0xbf80}),
              ElementsAre(0, 0.5F, -1));
  EXPECT_THAT(samplesOf<std::int16_t>(DataType::Int16, {0, 16'384, -32'768}),
              ElementsAre(0, 0.5F, -1));
  EXPECT_THAT(samplesOf<std::int32_t>(DataType::Int32, {0, 1 << 30, -2'147'483'648}),
              ElementsAre(0, 0.5F, -1));
  EXPECT_THAT(samplesOf<std::uint8_t>(DataType::Uint8, {128, 192, 0}), ElementsAre(0, 0.5F, -1));
}

TEST(SoundContent, ChannelsAreTheFewerAndMixed) {
  EXPECT_THAT(mixedOf({3, 2}, {0, 1, 2, 4, 6, 8}), ElementsAre(0.5F, 3, 7));
  EXPECT_THAT(mixedOf({2, 3}, {0, 2, 6, 1, 4, 8}), ElementsAre(0.5F, 3, 7));
  EXPECT_THAT(mixedOf({1, 3}, {1, 2, 3}), ElementsAre(1, 2, 3));
  EXPECT_THAT(mixedOf({3, 1}, {1, 2, 3}), ElementsAre(1, 2, 3));
  EXPECT_THAT(mixedOf({1, 1}, {1}), ElementsAre(1));
  EXPECT_EQ(mixedOf({8, 9}, std::vector<float>(72, 1)), std::vector<float>(9, 1));
  EXPECT_THAT(mixedOf({0}, {}), IsEmpty());
  EXPECT_THAT(mixedOf({0, 2}, {}), IsEmpty());
}

TEST(SoundContent, WhatAreNoSamplesIsNamed) {
  const auto refused = [](const Tensor& samples) {
    const auto sound = soundFrom(samples, 8'000);
    EXPECT_FALSE(sound);
    if (sound) return std::string();
    EXPECT_EQ(sound.error().category, ErrorCategory::InvalidInput);
    EXPECT_NE(sound.error().hint, "");
    return sound.error().message;
  };
  EXPECT_THAT(refused(tensor<std::int64_t>(DataType::Int64, {2}, {1, 2})), HasSubstr("INT64"));
  EXPECT_THAT(refused(tensor<std::uint8_t>(DataType::Bool, {2}, {1, 0})), HasSubstr("BOOL"));
  for (const auto& shape : {Shape{}, Shape{2, 2}, Shape{9, 10}, Shape{2, 3, 1}}) {
    const std::vector<float> values(*elementCount(shape));
    EXPECT_THAT(refused(tensor(DataType::Fp32, shape, values)), HasSubstr(shapeText(shape)));
  }
}

}  // namespace
}  // namespace webpool::bridge
