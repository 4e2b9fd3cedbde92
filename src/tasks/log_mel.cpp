#include "tasks/log_mel.h"

#include <kissfft/kiss_fftr.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>

namespace webpool::tasks {
namespace {

constexpr std::size_t kLength = 400;                      // of a transform, 25 ms
constexpr std::size_t kStep = 160;                        // from one to the next, 10 ms
constexpr std::size_t kBins = kLength / 2 + 1;            // frequencies
constexpr double kBinWidth = double(kMelRate) / kLength;  // Hz
constexpr float kQuietest = 1e-10F;
constexpr float kRange = 8;  // powers of ten below the loudest

// Slaney's scale: linear up to 1 kHz, then 27 steps to each factor of 6.4.
constexpr double kLinearStep = 200.0 / 3;  // Hz
constexpr double kBreak = 1000;            // Hz
constexpr double kBreakMel = kBreak / kLinearStep;
const double kLogStep = std::log(6.4) / 27;

double melOf(double hertz) {
  return hertz < kBreak ? hertz / kLinearStep : kBreakMel + std::log(hertz / kBreak) / kLogStep;
}

double hertzOf(double mel) {
  return mel < kBreakMel ? mel * kLinearStep : kBreak * std::exp(kLogStep * (mel - kBreakMel));
}

}  // namespace

LogMel::LogMel(std::size_t bands)
    : bands_(bands),
      window_(kLength),
      transform_(kiss_fftr_alloc(static_cast<int>(kLength), 0, nullptr, nullptr), &std::free) {
  for (std::size_t i = 0; i < kLength; ++i) {
    window_[i] =
        static_cast<float>(0.5 - 0.5 * std::cos(2 * std::numbers::pi * double(i) / kLength));
  }
  // Triangles between neighbours, each of the area that one hertz has.
  const double top = melOf(kMelRate / 2.0);
  const auto edge = [&](std::size_t i) { return hertzOf(top * double(i) / double(bands + 1)); };
  for (std::size_t band = 0; band < bands; ++band) {
    const double low = edge(band);
    const double middle = edge(band + 1);
    const double high = edge(band + 2);
    Band filter;
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      const double hertz = double(bin) * kBinWidth;
      const double weight =
          std::min((hertz - low) / (middle - low), (high - hertz) / (high - middle));
      if (weight <= 0) continue;
      if (filter.weights.empty()) filter.first = bin;
      filter.weights.push_back(static_cast<float>(weight * 2 / (high - low)));
    }
    filters_.push_back(std::move(filter));
  }
}

LogMel::~LogMel() = default;

std::vector<float> LogMel::of(std::span<const float> samples) const {
  const auto used = std::min(samples.size(), kMelWindow);
  // Sample `i` of the window, mirrored at its ends.
  const auto sample = [&](std::ptrdiff_t i) {
    constexpr auto kEnd = static_cast<std::ptrdiff_t>(kMelWindow);
    if (i < 0) i = -i;
    if (i >= kEnd) i = 2 * (kEnd - 1) - i;
    const auto at = static_cast<std::size_t>(i);
    return at < used ? samples[at] : 0.0F;
  };
  std::vector<float> mel(bands_ * kMelFrames);
  std::array<float, kLength> piece{};
  std::array<kiss_fft_cpx, kBins> spectrum{};
  std::array<float, kBins> power{};
  float loudest = std::log10(kQuietest);
  for (std::size_t frame = 0; frame < kMelFrames; ++frame) {
    const auto begin = static_cast<std::ptrdiff_t>(frame * kStep) - std::ptrdiff_t{kLength / 2};
    for (std::size_t i = 0; i < kLength; ++i) {
      piece[i] = sample(begin + static_cast<std::ptrdiff_t>(i)) * window_[i];
    }
    kiss_fftr(transform_.get(), piece.data(), spectrum.data());
    std::ranges::transform(spectrum, power.begin(), [](const kiss_fft_cpx& value) {
      return value.r * value.r + value.i * value.i;
    });
    for (std::size_t band = 0; band < bands_; ++band) {
      const auto& [first, weights] = filters_[band];
      float sum = 0;
      for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * power[first + i];
      const float level = std::log10(std::max(sum, kQuietest));
      loudest = std::max(loudest, level);
      mel[band * kMelFrames + frame] = level;
    }
  }
  for (auto& level : mel) level = (std::max(level, loudest - kRange) + 4) / 4;
  return mel;
}

}  // namespace webpool::tasks
