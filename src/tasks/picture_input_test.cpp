#include "tasks/picture_input.h"

#include <gtest/gtest.h>

namespace webpool::tasks {
namespace {

Picture ramp(std::size_t width, std::size_t height) {
  Picture picture{width, height, std::vector<std::uint8_t>(3 * width * height)};
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
    picture.rgb[i] = static_cast<std::uint8_t>((i * 37 + i / 7) % 256);
  }
  return picture;
}

constexpr auto kVit = R"({"do_resize": true, "size": {"height": 4, "width": 4}, "resample": 2,
    "do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]})";

// Pillow 13: Image.resize((3, 2), filter) of a picture whose red is 0, 10, …, 70 in two rows.
TEST(Resampled, IsWhatPillowGives) {
  Picture picture{4, 2, std::vector<std::uint8_t>(24)};
  for (std::size_t i = 0; i < 8; ++i) picture.rgb[3 * i] = static_cast<std::uint8_t>(10 * i);
  const auto reds = [](const Picture& made) {
    std::vector<int> values;
    for (std::size_t i = 0; i < made.width * made.height; ++i) values.push_back(made.rgb[3 * i]);
    return values;
  };
  EXPECT_EQ(reds(resampled(picture, 2, 2, Filter::Bilinear)), (std::vector<int>{7, 23, 47, 63}));
  EXPECT_EQ(reds(resampled(picture, 2, 1, Filter::Nearest)), (std::vector<int>{50, 70}));
  EXPECT_EQ(resampled(picture, 4, 2, Filter::Bicubic).rgb, picture.rgb);
}

TEST(CentreCrop, CutsTheMiddleAndPadsWithBlack) {
  const auto picture = ramp(5, 3);
  const auto cut = centreCrop(picture, 3, 1);
  EXPECT_EQ(cut.rgb[0], picture.rgb[3 * (5 + 1)]);
  const auto padded = centreCrop(picture, 7, 3);
  EXPECT_EQ(padded.rgb[0], 0);
  EXPECT_EQ(padded.rgb[3], picture.rgb[0]);
}

TEST(PictureInput, ScalesAndNormalises) {
  const auto input = PictureInput::read(kVit);
  ASSERT_TRUE(input) << input.error().message;
  Picture white{7, 9, std::vector<std::uint8_t>(3 * 7 * 9, 255)};
  std::vector<float> values(3 * 4 * 4, -9);
  input->write(white, values.data());
  for (const auto value : values) EXPECT_FLOAT_EQ(value, 1);
}

TEST(PictureInput, CutsOutOfTheShorterSide) {
  const auto input = PictureInput::read(
      R"({"size": {"shortest_edge": 8}, "resample": 3, "do_center_crop": true, "crop_size": 6,
          "image_mean": [0, 0, 0], "image_std": [1, 1, 1]})");
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->width(), 6U);
  std::vector<float> values(3 * 6 * 6);
  for (const auto& picture : {ramp(20, 10), ramp(1, 1), ramp(3000, 1), ramp(1, 3000)}) {
    values.assign(values.size(), -9);
    input->write(picture, values.data());
    for (const auto value : values) EXPECT_TRUE(value >= 0 && value <= 1);
  }
}

TEST(PictureInput, WhatItCannotFollowIsNamed) {
  const auto category = [](const char* text) { return PictureInput::read(text).error().category; };
  EXPECT_EQ(category("[]"), ErrorCategory::InvalidModel);
  EXPECT_EQ(category("{}"), ErrorCategory::InvalidModel);
  EXPECT_EQ(category(R"({"size": -3})"), ErrorCategory::InvalidModel);
  EXPECT_EQ(category(R"({"size": 4, "image_mean": [0,0,0], "image_std": [1,0,1]})"),
            ErrorCategory::InvalidModel);
  EXPECT_EQ(category(R"({"size": 4, "do_rescale": false})"), ErrorCategory::Unsupported);
  EXPECT_EQ(category(R"({"size": 4, "rescale_factor": 2.5})"), ErrorCategory::Unsupported);
}

}  // namespace
}  // namespace webpool::tasks
