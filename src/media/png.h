#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "webpool/vision.h"

namespace webpool::media {

/// Through libpng. InvalidInput for what is no PNG, is cut off, damaged or too large.
Result<Picture> decodePng(std::span<const std::byte> file);

}  // namespace webpool::media
