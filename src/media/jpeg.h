#pragma once

#include <cstddef>
#include <span>

#include "webpool/vision.h"

namespace webpool::media {

/// Through libjpeg, turned upright by its Exif orientation. InvalidInput for what is no JPEG, is
/// cut off, damaged or too large.
Result<Picture> decodeJpeg(std::span<const std::byte> file);

/// As Exif tells it: 1 to 8; 1 where nothing does. Tested on its own.
int exifOrientation(std::span<const std::byte> app1);

/// The picture as it is to be seen. `orientation`: 1 to 8.
Picture upright(Picture picture, int orientation);

}  // namespace webpool::media
