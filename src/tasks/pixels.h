// From pictures to what models take: scaled, cut out, as numbers. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "webpool/vision.h"

namespace webpool::tasks {

/// Bilinear, pixel centre on pixel centre, without smoothing (as OpenCV's INTER_LINEAR, which the
/// models were trained with).
Picture resized(const Picture& picture, std::size_t width, std::size_t height);

/// The rectangle with these corners (upper left, upper right, lower right, lower left, as it is
/// read), laid upright. At the picture's edge its last pixel goes on.
Picture cutOut(const Picture& picture, const std::array<Point, 4>& corners, std::size_t width,
               std::size_t height);

/// Turned by a half turn, or by a quarter against the clock.
Picture upsideDown(const Picture& picture);
Picture quarterLeft(const Picture& picture);

/// Value = (byte / 255 − mean) / deviation, channel by channel.
struct Normalisation {
  std::array<float, 3> mean{};
  std::array<float, 3> deviation{1, 1, 1};
  bool blueFirst = false;  ///< the model takes blue, green, red; mean and deviation in that order
};

/// Writes [3, height, width] into `to`, where rows are `stride` values long and what is not written
/// stays as it is. `stride`: at least the picture's width.
void writePlanes(const Picture& picture, const Normalisation& how, std::size_t stride, float* to);

}  // namespace webpool::tasks
