#include "tasks/log_mel.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <numeric>

namespace webpool::tasks {
namespace {

using testing::FloatNear;

/// A second of a rising tone.
std::vector<float> tone() {
  std::vector<float> samples;
  for (unsigned i = 0; i < kMelRate; ++i) {
    const double at = double(i) / kMelRate;
    const double phase = 2 * std::numbers::pi * (150 + 400 * at) * at;
    samples.push_back(static_cast<float>(0.3 * std::sin(phase) * std::sin(12 * at)));
  }
  return samples;
}

/// The numbers are those of the feature extractor that Whisper's published models are trained with,
/// as the Python package transformers 5.24 computes it.
TEST(LogMel, IsWhatModelsAreTrainedWith) {
  const LogMel mel;
  const auto values = mel.of(tone());
  ASSERT_EQ(values.size(), 80 * kMelFrames);
  const auto at = [&](std::size_t band, std::size_t frame) {
    return values[band * kMelFrames + frame];
  };
  EXPECT_THAT(at(0, 0), FloatNear(0.01024F, 2e-3F));
  EXPECT_THAT(at(5, 10), FloatNear(1.28913F, 1e-4F));
  EXPECT_THAT(at(10, 50), FloatNear(0.06582F, 2e-3F));
  EXPECT_THAT(at(20, 60), FloatNear(0.17416F, 2e-3F));
  EXPECT_THAT(at(40, 99), FloatNear(-0.26319F, 2e-3F));
  EXPECT_THAT(at(79, 100), FloatNear(-0.30916F, 2e-3F));
  EXPECT_THAT(at(12, 33), FloatNear(0.79242F, 2e-3F));
  EXPECT_THAT(at(60, 2999), FloatNear(-0.67172F, 1e-4F));
  EXPECT_NEAR(std::accumulate(values.begin(), values.end(), 0.0), -159561.06, 5);
}

TEST(LogMel, SilenceIsEvenAndTheSameForNothing) {
  const LogMel mel;
  const auto values = mel.of(std::vector<float>(16'000));
  EXPECT_THAT(values, testing::Each(FloatNear(-1.5F, 1e-6F)));
  EXPECT_EQ(values, mel.of({}));
}

TEST(LogMel, WhatIsBeyondTheWindowIsNotHeard) {
  const LogMel mel(128);
  std::vector<float> samples(kMelWindow + 1000, 0.1F);
  const auto whole = mel.of(samples);
  EXPECT_EQ(whole.size(), 128 * kMelFrames);
  samples.back() = 1;
  EXPECT_EQ(whole, mel.of(samples));
}

}  // namespace
}  // namespace webpool::tasks
