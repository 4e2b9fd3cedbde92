#include "tasks/resample.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace webpool::tasks {
namespace {

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double weight(Filter filter, double x) {
  x = std::abs(x);
  switch (filter) {
    case Filter::Bilinear:
      return x < 1 ? 1 - x : 0;
    case Filter::Bicubic: {
      constexpr double a = -0.5;
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
      return 0;
    }
    case Filter::Lanczos:
      return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    case Filter::Nearest:
      break;
  }
  return x < 0.5 ? 1 : 0;
}

double reach(Filter filter) {
  switch (filter) {
    case Filter::Bilinear:
      return 1;
    case Filter::Bicubic:
      return 2;
    case Filter::Lanczos:
      return 3;
    case Filter::Nearest:
      break;
  }
  return 0.5;
}

/// The source pixels that one target pixel is made of, from `first` on.
struct Taps {
  std::size_t first = 0;
  std::vector<double> weights;
};

std::vector<Taps> tapsFor(std::size_t from, std::size_t to, Filter filter) {
  const double scale = double(from) / double(to);
  const double widened = std::max(scale, 1.0);
  const double support = reach(filter) * widened;
  std::vector<Taps> all(to);
  for (std::size_t i = 0; i < to; ++i) {
    const double centre = (double(i) + 0.5) * scale;
    if (filter == Filter::Nearest) {
      all[i] = {std::min(static_cast<std::size_t>(centre), from - 1), {1.0}};
      continue;
    }
    const auto first = static_cast<std::size_t>(std::max(0.0, std::floor(centre - support + 0.5)));
    const auto last = std::min(from, static_cast<std::size_t>(std::floor(centre + support + 0.5)));
    auto& taps = all[i];
    taps.first = first;
    double sum = 0;
    for (auto x = first; x < last; ++x) {
      sum += taps.weights.emplace_back(weight(filter, (double(x) - centre + 0.5) / widened));
    }
    for (auto& one : taps.weights) one /= sum;
  }
  return all;
}

std::uint8_t rounded(double value) {
  return static_cast<std::uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0));
}

Picture blank(std::size_t width, std::size_t height) {
  return {width, height, std::vector<std::uint8_t>(3 * width * height)};
}

}  // namespace

Picture resampled(const Picture& picture, std::size_t width, std::size_t height, Filter filter) {
  if (width == picture.width && height == picture.height) return picture;
  auto wide = blank(width, picture.height);
  const auto across = tapsFor(picture.width, width, filter);
  for (std::size_t y = 0; y < picture.height; ++y) {
    const auto* row = &picture.rgb[3 * y * picture.width];
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        double sum = 0;
        const auto& [first, weights] = across[x];
        for (std::size_t i = 0; i < weights.size(); ++i) {
          sum += weights[i] * row[3 * (first + i) + c];
        }
        wide.rgb[3 * (y * width + x) + c] = rounded(sum);
      }
    }
  }
  auto result = blank(width, height);
  const auto down = tapsFor(picture.height, height, filter);
  for (std::size_t y = 0; y < height; ++y) {
    const auto& [first, weights] = down[y];
    for (std::size_t x = 0; x < 3 * width; ++x) {
      double sum = 0;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        sum += weights[i] * wide.rgb[3 * width * (first + i) + x];
      }
      result.rgb[3 * width * y + x] = rounded(sum);
    }
  }
  return result;
}

Picture centreCrop(const Picture& picture, std::size_t width, std::size_t height) {
  auto result = blank(width, height);
  const auto offset = [](std::size_t have, std::size_t want) {
    const auto more = static_cast<std::ptrdiff_t>(have) - static_cast<std::ptrdiff_t>(want);
    return more >= 0 ? more / 2 : -((-more + 1) / 2);
  };
  const auto left = offset(picture.width, width);
  const auto top = offset(picture.height, height);
  for (std::size_t y = 0; y < height; ++y) {
    const auto row = static_cast<std::ptrdiff_t>(y) + top;
    if (row < 0 || row >= static_cast<std::ptrdiff_t>(picture.height)) continue;
    for (std::size_t x = 0; x < width; ++x) {
      const auto column = static_cast<std::ptrdiff_t>(x) + left;
      if (column < 0 || column >= static_cast<std::ptrdiff_t>(picture.width)) continue;
      const auto from =
          3 * (static_cast<std::size_t>(row) * picture.width + static_cast<std::size_t>(column));
      std::copy_n(&picture.rgb[from], 3, &result.rgb[3 * (y * width + x)]);
    }
  }
  return result;
}

}  // namespace webpool::tasks
