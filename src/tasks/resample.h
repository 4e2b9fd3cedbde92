// Pictures in another size, smoothed where they get smaller: what models of the Hugging Face
// layout were trained with. Separable filters over 8-bit channels, rounded after each pass, as
// Pillow's resize() does; Keys, "Cubic Convolution Interpolation" (1981) for the cubic. Pure.
#pragma once

#include <cstddef>

#include "webpool/vision.h"

namespace webpool::tasks {

enum class Filter { Nearest, Lanczos, Bilinear, Bicubic };

Picture resampled(const Picture& picture, std::size_t width, std::size_t height, Filter filter);

/// The middle; what is missing at the edges is black.
Picture centreCrop(const Picture& picture, std::size_t width, std::size_t height);

}  // namespace webpool::tasks
