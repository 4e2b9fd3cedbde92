#include "media/jpeg.h"

#include <cstdio>  // jpeglib.h needs it
// Its order matters.
#include <jpeglib.h>

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <utility>

#include "media/picture.h"

namespace webpool::media {
namespace {

// Thrown through libjpeg, whose own way out would be to end the program.
struct JpegFailure {
  std::string message;
};

std::string messageOf(j_common_ptr jpeg) {
  char text[JMSG_LENGTH_MAX];
  (*jpeg->err->format_message)(jpeg, text);
  return text;
}

[[noreturn]] void throwFailure(j_common_ptr jpeg) {
  throw JpegFailure{messageOf(jpeg)};
}

/// A warning is damage: what is missing would be made up.
void onMessage(j_common_ptr jpeg, int level) {
  if (level < 0) throw JpegFailure{messageOf(jpeg)};
}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> file) : file_(file) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = throwFailure;
    errors_.emit_message = onMessage;
    jpeg_create_decompress(&jpeg_);
  }
  ~Reader() { jpeg_destroy_decompress(&jpeg_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result<Picture> read() {
    jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(file_.data()), file_.size());
    jpeg_save_markers(&jpeg_, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&jpeg_, TRUE);
    const std::size_t width = jpeg_.image_width;
    const std::size_t height = jpeg_.image_height;
    if (auto small = checkSize(width, height); !small) return std::unexpected(small.error());
    if (jpeg_.jpeg_color_space == JCS_CMYK || jpeg_.jpeg_color_space == JCS_YCCK) {
      return fail(ErrorCategory::InvalidInput, "the JPEG picture is made for printing (CMYK)",
                  "convert it to RGB");
    }
    jpeg_.out_color_space = JCS_RGB;
    jpeg_start_decompress(&jpeg_);
    Picture picture{width, height, std::vector<std::uint8_t>(width * height * 3)};
    while (jpeg_.output_scanline < jpeg_.output_height) {
      auto* row = picture.rgb.data() + std::size_t{jpeg_.output_scanline} * width * 3;
      jpeg_read_scanlines(&jpeg_, &row, 1);
    }
    const int turned = orientation();  // finishing forgets the markers
    jpeg_finish_decompress(&jpeg_);
    return upright(std::move(picture), turned);
  }

 private:
  int orientation() const {
    for (auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
      const auto found = exifOrientation(
          std::as_bytes(std::span<const JOCTET>(marker->data, marker->data_length)));
      if (found != 1) return found;
    }
    return 1;
  }

  std::span<const std::byte> file_;
  jpeg_error_mgr errors_{};
  jpeg_decompress_struct jpeg_{};
};

}  // namespace

int exifOrientation(std::span<const std::byte> app1) {
  constexpr std::string_view kHead{"Exif\0\0", 6};
  constexpr unsigned kOrientation = 0x0112;
  if (app1.size() < kHead.size() + 8 || std::memcmp(app1.data(), kHead.data(), kHead.size()) != 0) {
    return 1;
  }
  const auto tiff = app1.subspan(kHead.size());
  const bool little = std::to_integer<char>(tiff[0]) == 'I';
  const auto number = [&](std::size_t at, unsigned bytes) -> std::uint64_t {
    if (at + bytes > tiff.size()) return 0;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) {
      value = value << 8 | std::to_integer<unsigned>(tiff[at + (little ? bytes - 1 - i : i)]);
    }
    return value;
  };
  const auto directory = number(4, 4);
  const auto entries = number(directory, 2);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const auto entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) break;
    if (number(entry, 2) != kOrientation) continue;
    const auto value = number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Picture upright(Picture picture, int orientation) {
  if (orientation == 1) return picture;
  const bool turned = orientation >= 5;
  Picture result{turned ? picture.height : picture.width, turned ? picture.width : picture.height,
                 std::vector<std::uint8_t>(picture.rgb.size())};
  for (std::size_t y = 0; y < result.height; ++y) {
    for (std::size_t x = 0; x < result.width; ++x) {
      // Where it lies in the file: rows and columns change places, then either may be mirrored.
      auto fromX = turned ? y : x;
      auto fromY = turned ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) {
        fromX = picture.width - 1 - fromX;
      }
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) {
        fromY = picture.height - 1 - fromY;
      }
      std::memcpy(&result.rgb[3 * (y * result.width + x)],
                  &picture.rgb[3 * (fromY * picture.width + fromX)], 3);
    }
  }
  return result;
}

Result<Picture> decodeJpeg(std::span<const std::byte> file) {
  try {
    return Reader(file).read();
  } catch (const JpegFailure& failure) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("the JPEG picture can't be read: {}", failure.message),
                "copy the file again, or save the picture anew");
  }
}

}  // namespace webpool::media
