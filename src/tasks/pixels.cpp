#include "tasks/pixels.h"

#include <algorithm>
#include <cmath>

namespace webpool::tasks {
namespace {

/// The colour between pixels.
void sample(const Picture& picture, double x, double y, std::uint8_t* to) {
  const double right = double(picture.width - 1);
  const double bottom = double(picture.height - 1);
  x = std::clamp(x, 0.0, right);
  y = std::clamp(y, 0.0, bottom);
  const auto x0 = static_cast<std::size_t>(x);
  const auto y0 = static_cast<std::size_t>(y);
  const auto x1 = std::min(x0 + 1, picture.width - 1);
  const auto y1 = std::min(y0 + 1, picture.height - 1);
  const double dx = x - double(x0);
  const double dy = y - double(y0);
  const auto at = [&](std::size_t column, std::size_t row, std::size_t c) {
    return double(picture.rgb[3 * (row * picture.width + column) + c]);
  };
  for (std::size_t c = 0; c < 3; ++c) {
    const double upper = at(x0, y0, c) * (1 - dx) + at(x1, y0, c) * dx;
    const double lower = at(x0, y1, c) * (1 - dx) + at(x1, y1, c) * dx;
    to[c] = static_cast<std::uint8_t>(std::lround(upper * (1 - dy) + lower * dy));
  }
}

Picture blank(std::size_t width, std::size_t height) {
  return {width, height, std::vector<std::uint8_t>(width * height * 3)};
}

}  // namespace

Picture resized(const Picture& picture, std::size_t width, std::size_t height) {
  if (width == picture.width && height == picture.height) return picture;
  auto result = blank(width, height);
  const double scaleX = double(picture.width) / double(width);
  const double scaleY = double(picture.height) / double(height);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      sample(picture, (double(x) + 0.5) * scaleX - 0.5, (double(y) + 0.5) * scaleY - 0.5,
             &result.rgb[3 * (y * width + x)]);
    }
  }
  return result;
}

Picture cutOut(const Picture& picture, const std::array<Point, 4>& corners, std::size_t width,
               std::size_t height) {
  auto result = blank(width, height);
  const auto& origin = corners[0];
  const Point along{corners[1].x - origin.x, corners[1].y - origin.y};
  const Point down{corners[3].x - origin.x, corners[3].y - origin.y};
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const double u = double(x) / double(width);
      const double v = double(y) / double(height);
      sample(picture, origin.x + u * along.x + v * down.x, origin.y + u * along.y + v * down.y,
             &result.rgb[3 * (y * width + x)]);
    }
  }
  return result;
}

Picture upsideDown(const Picture& picture) {
  auto result = blank(picture.width, picture.height);
  const auto pixels = picture.width * picture.height;
  for (std::size_t i = 0; i < pixels; ++i) {
    std::copy_n(&picture.rgb[3 * i], 3, &result.rgb[3 * (pixels - 1 - i)]);
  }
  return result;
}

Picture quarterLeft(const Picture& picture) {
  auto result = blank(picture.height, picture.width);
  for (std::size_t y = 0; y < result.height; ++y) {
    for (std::size_t x = 0; x < result.width; ++x) {
      const auto from = x * picture.width + (picture.width - 1 - y);
      std::copy_n(&picture.rgb[3 * from], 3, &result.rgb[3 * (y * result.width + x)]);
    }
  }
  return result;
}

void writePlanes(const Picture& picture, const Normalisation& how, std::size_t stride, float* to) {
  for (std::size_t c = 0; c < 3; ++c) {
    const auto channel = how.blueFirst ? 2 - c : c;
    for (std::size_t y = 0; y < picture.height; ++y) {
      auto* row = to + (c * picture.height + y) * stride;
      for (std::size_t x = 0; x < picture.width; ++x) {
        const float value = float(picture.rgb[3 * (y * picture.width + x) + channel]) / 255;
        row[x] = (value - how.mean[c]) / how.deviation[c];
      }
    }
  }
}

}  // namespace webpool::tasks
