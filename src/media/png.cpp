#include "media/png.h"

#include <fmt/format.h>
#include <png.h>

#include <cstring>
#include <string>

#include "media/picture.h"

namespace webpool::media {
namespace {

struct Source {
  std::span<const std::byte> left;
};

void readBytes(png_structp png, png_bytep to, std::size_t count) {
  auto& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (count > source.left.size()) png_error(png, "the file is cut off");
  std::memcpy(to, source.left.data(), count);
  source.left = source.left.subspan(count);
}

// libpng leaves by longjmp: it must not pass over anything that has a destructor, so what fails is
// thrown through it as a C++ exception instead (libpng is built with unwind tables).
struct PngFailure {
  std::string message;
};

[[noreturn]] void throwFailure(png_structp, png_const_charp message) {
  throw PngFailure{message};
}
void ignoreWarning(png_structp, png_const_charp) {}

class Reader {
 public:
  explicit Reader(std::span<const std::byte> file)
      : source_{file},
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, throwFailure, ignoreWarning)),
        info_(png_ != nullptr ? png_create_info_struct(png_) : nullptr) {}
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Result<Picture> read() {
    if (info_ == nullptr) return fail(ErrorCategory::OutOfMemory, "no memory for a PNG reader");
    png_set_read_fn(png_, &source_, readBytes);
    png_set_user_limits(png_, 1 << 30, 1 << 30);
    png_set_chunk_malloc_max(png_, 1 << 26);
    png_read_info(png_, info_);
    const std::size_t width = png_get_image_width(png_, info_);
    const std::size_t height = png_get_image_height(png_, info_);
    if (auto small = checkSize(width, height); !small) return std::unexpected(small.error());
    // Whatever it is, it becomes eight bits of red, green, blue and alpha.
    png_set_expand(png_);
    png_set_scale_16(png_);
    png_set_gray_to_rgb(png_);
    png_set_add_alpha(png_, 0xff, PNG_FILLER_AFTER);
    const int passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    std::vector<std::uint8_t> pixels(width * height * 4);
    for (int pass = 0; pass < passes; ++pass) {
      for (std::size_t row = 0; row < height; ++row) {
        png_read_row(png_, pixels.data() + row * width * 4, nullptr);
      }
    }
    png_read_end(png_, nullptr);
    return onWhite(width, height, pixels);
  }

 private:
  Source source_;
  png_structp png_;
  png_infop info_;
};

}  // namespace

Result<Picture> decodePng(std::span<const std::byte> file) {
  try {
    return Reader(file).read();
  } catch (const PngFailure& failure) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("the PNG picture can't be read: {}", failure.message),
                "copy the file again, or save the picture anew");
  }
}

}  // namespace webpool::media
