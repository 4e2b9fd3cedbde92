#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "webpool/vision.h"

namespace webpool::media {

/// Through libpng. InvalidInput for what is no PNG, is cut off, damaged or too large.
Result<Picture> decodePng(std::span<const std::byte> file);

/// InvalidInput for more than kMostPixels, or none. In picture.cpp.
Result<void> checkSize(std::uint64_t width, std::uint64_t height);

}  // namespace webpool::media
