#include "media/picture.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "media/jpeg.h"
#include "media/png.h"
#include "webpool/vision.h"

namespace webpool {

Result<Picture> decodePicture(std::span<const std::byte> file) {
  const auto beginsWith = [&](std::initializer_list<unsigned char> bytes) {
    return file.size() >= bytes.size() &&
           std::memcmp(file.data(), bytes.begin(), bytes.size()) == 0;
  };
  if (beginsWith({0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'})) return media::decodePng(file);
  if (beginsWith({0xff, 0xd8, 0xff})) return media::decodeJpeg(file);
  return fail(ErrorCategory::InvalidInput, "it is neither a PNG nor a JPEG picture",
              "convert it to PNG or JPEG");
}

namespace media {

Result<void> checkSize(std::uint64_t width, std::uint64_t height) {
  if (width > 0 && height > 0 && width <= kMostPixels / height) return {};
  return fail(ErrorCategory::InvalidInput,
              fmt::format("the picture is {} by {} pixels, and at most {} million are taken", width,
                          height, kMostPixels / 1'000'000),
              "make it smaller");
}

Picture onWhite(std::size_t width, std::size_t height, std::span<const std::uint8_t> rgba) {
  Picture picture{width, height, std::vector<std::uint8_t>(width * height * 3)};
  for (std::size_t i = 0; i < width * height; ++i) {
    const unsigned alpha = rgba[4 * i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const unsigned colour = rgba[4 * i + c];
      picture.rgb[3 * i + c] =
          static_cast<std::uint8_t>((colour * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return picture;
}

}  // namespace media
}  // namespace webpool
