// What all formats of pictures share; in picture.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "webpool/vision.h"

namespace webpool::media {

/// InvalidInput for more than kMostPixels, or none.
Result<void> checkSize(std::uint64_t width, std::uint64_t height);

/// What shines through is put on white. `rgba`: rows from the top, four bytes a pixel, alpha last
/// and not multiplied into the colours, no padding.
Picture onWhite(std::size_t width, std::size_t height, std::span<const std::uint8_t> rgba);

}  // namespace webpool::media
