#include <gmock/gmock.h>
#include <png.h>
#include <zlib.h>

#include <cstdio>
// Its order matters.
#include <jpeglib.h>

#include <cstdlib>
#include <cstring>

#include "media/jpeg.h"
#include "webpool/vision.h"

namespace webpool::media {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

std::string png(std::uint32_t width, std::uint32_t height, std::uint32_t format,
                const std::vector<std::uint8_t>& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr);
  std::string bytes(size, '\0');
  png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr);
  bytes.resize(size);
  return bytes;
}

std::string jpeg(unsigned width, unsigned height, std::vector<std::uint8_t> rgb,
                 const std::string& app1 = {}) {
  jpeg_compress_struct out{};
  jpeg_error_mgr errors{};
  out.err = jpeg_std_error(&errors);
  jpeg_create_compress(&out);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&out, &bytes, &size);
  out.image_width = width;
  out.image_height = height;
  out.input_components = 3;
  out.in_color_space = JCS_RGB;
  jpeg_set_defaults(&out);
  jpeg_set_quality(&out, 95, TRUE);
  jpeg_start_compress(&out, TRUE);
  if (!app1.empty()) {
    jpeg_write_marker(&out, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(app1.data()),
                      static_cast<unsigned>(app1.size()));
  }
  while (out.next_scanline < height) {
    auto* row = rgb.data() + std::size_t{out.next_scanline} * width * 3;
    jpeg_write_scanlines(&out, &row, 1);
  }
  jpeg_finish_compress(&out);
  jpeg_destroy_compress(&out);
  std::string text(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return text;
}

Result<Picture> decode(const std::string& bytes) {
  return decodePicture(std::as_bytes(std::span(bytes)));
}

std::string refusal(const std::string& bytes) {
  const auto picture = decode(bytes);
  if (picture) return "decoded";
  EXPECT_EQ(picture.error().category, ErrorCategory::InvalidInput);
  return picture.error().message;
}

TEST(Picture, PngOfEachKind) {
  EXPECT_THAT(decode(png(1, 2, PNG_FORMAT_RGB, {1, 2, 3, 4, 5, 6}))->rgb,
              ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(decode(png(1, 1, PNG_FORMAT_GRAY, {9}))->rgb, ElementsAre(9, 9, 9));
  EXPECT_EQ(decode(png(2, 1, PNG_FORMAT_GRAY, {9, 8}))->width, 2U);
}

TEST(Picture, WhatShinesThroughIsOnWhite) {
  EXPECT_THAT(decode(png(2, 1, PNG_FORMAT_RGBA, {0, 0, 0, 0, 10, 20, 30, 255}))->rgb,
              ElementsAre(255, 255, 255, 10, 20, 30));
}

TEST(Picture, Jpeg) {
  const auto picture = decode(jpeg(16, 8, std::vector<std::uint8_t>(16 * 8 * 3, 100)));
  ASSERT_TRUE(picture) << picture.error().describe();
  EXPECT_EQ(picture->width, 16U);
  EXPECT_EQ(picture->height, 8U);
  EXPECT_THAT(picture->rgb, Each(testing::AllOf(testing::Ge(98), testing::Le(102))));
}

TEST(Picture, EachCutIsNamed) {
  const auto whole = png(20, 20, PNG_FORMAT_RGB, std::vector<std::uint8_t>(1200, 7));
  for (std::size_t length = 8; length < whole.size(); ++length) {
    EXPECT_THAT(refusal(whole.substr(0, length)), HasSubstr("PNG")) << length;
  }
  std::vector<std::uint8_t> noise;
  for (unsigned i = 0; i < 64 * 64 * 3; ++i) noise.push_back(static_cast<std::uint8_t>(i * i * 31));
  const auto photo = jpeg(64, 64, noise);
  for (std::size_t length = 3; length + 2 < photo.size(); length += 7) {
    EXPECT_THAT(refusal(photo.substr(0, length)), HasSubstr("JPEG")) << length;
  }
}

TEST(Picture, TooLargeIsKnownBeforeItIsUnpacked) {
  // The header alone: 20,000 by 20,000 pixels, and no picture behind it.
  auto bytes = png(1, 1, PNG_FORMAT_RGB, {1, 2, 3});
  const std::uint32_t side = 20'000;
  for (int i = 0; i < 4; ++i) {
    bytes[16 + i] = bytes[20 + i] = static_cast<char>(side >> (24 - 8 * i));
  }
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data() + 12), 17);
  for (int i = 0; i < 4; ++i) bytes[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  EXPECT_THAT(refusal(bytes), HasSubstr("20000 by 20000 pixels, and at most 100 million"));
}

TEST(Picture, WhatIsNoneIsNamed) {
  EXPECT_THAT(refusal(""), HasSubstr("neither"));
  EXPECT_THAT(refusal("GIF89a"), HasSubstr("neither"));
  EXPECT_THAT(refusal("\xff\xd8\xff"), HasSubstr("JPEG"));
}

/// Exif with one entry, the orientation, in either byte order.
std::string exif(int orientation, bool little) {
  std::string text("Exif\0\0", 6);
  text += little ? std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18)
                 : std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01", 18);
  const auto value = static_cast<char>(orientation);
  text += little ? std::string({value, 0, 0, 0}) : std::string({0, value, 0, 0});
  return text + std::string(4, '\0');
}

TEST(Picture, ExifTurnsIt) {
  for (const bool little : {false, true}) {
    const auto app1 = exif(6, little);
    EXPECT_EQ(exifOrientation(std::as_bytes(std::span(app1))), 6);
    const auto picture = decode(jpeg(16, 8, std::vector<std::uint8_t>(16 * 8 * 3, 100), app1));
    EXPECT_EQ(picture->width, 8U);
  }
  const auto none = exif(9, true);
  EXPECT_EQ(exifOrientation(std::as_bytes(std::span(none))), 1);
  const auto whole = exif(6, true);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto cut = whole.substr(0, length);
    EXPECT_THAT(exifOrientation(std::as_bytes(std::span(cut))), testing::AnyOf(1, 6));
  }
}

TEST(Picture, EachOrientation) {
  const Picture lying{2, 1, {1, 1, 1, 2, 2, 2}};
  const auto firsts = [&](int orientation) {
    const auto turned = upright(lying, orientation);
    return std::vector<int>{static_cast<int>(turned.width), turned.rgb[0], turned.rgb[3]};
  };
  EXPECT_THAT(firsts(1), ElementsAre(2, 1, 2));
  EXPECT_THAT(firsts(2), ElementsAre(2, 2, 1));
  EXPECT_THAT(firsts(3), ElementsAre(2, 2, 1));
  EXPECT_THAT(firsts(4), ElementsAre(2, 1, 2));
  EXPECT_THAT(firsts(5), ElementsAre(1, 1, 2));
  EXPECT_THAT(firsts(6), ElementsAre(1, 1, 2));
  EXPECT_THAT(firsts(7), ElementsAre(1, 2, 1));
  EXPECT_THAT(firsts(8), ElementsAre(1, 2, 1));
}

}  // namespace
}  // namespace webpool::media
