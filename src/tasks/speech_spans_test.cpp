#include "tasks/speech_spans.h"

#include <gmock/gmock.h>

#include <random>

namespace webpool::tasks {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr double kFrame = 0.1;
constexpr SpeechOptions kBare{.leastSpeech = 0.2, .leastSilence = 0.2, .padding = 0};

std::vector<SpeechSpan> spansOf(const std::vector<float>& probabilities,
                                const SpeechOptions& options = kBare) {
  return speechSpans(probabilities, kFrame, static_cast<double>(probabilities.size()) * kFrame,
                     options);
}

auto near(double start, double end) {
  return testing::AllOf(testing::Field(&SpeechSpan::start, testing::DoubleNear(start, 1e-9)),
                        testing::Field(&SpeechSpan::end, testing::DoubleNear(end, 1e-9)));
}

TEST(SpeechSpans, SilenceHasNone) {
  EXPECT_THAT(spansOf({}), IsEmpty());
  EXPECT_THAT(spansOf({0, 0.4F, 0.1F}), IsEmpty());
}

TEST(SpeechSpans, BeginsAtTheThresholdAndEndsWithTheQuiet) {
  EXPECT_THAT(spansOf({0, 0.5F, 0.9F, 0.9F, 0, 0, 0, 0.9F, 0.9F, 0, 0}),
              ElementsAre(near(0.1, 0.4), near(0.7, 0.9)));
}

TEST(SpeechSpans, ShortOnesAreDroppedAndShortGapsClosed) {
  EXPECT_THAT(spansOf({0, 0.9F, 0, 0, 0}), IsEmpty());
  EXPECT_THAT(spansOf({0.9F, 0.9F, 0, 0.9F, 0.9F, 0, 0}), ElementsAre(near(0, 0.5)));
}

TEST(SpeechSpans, WhatIsNeitherDoesNotEndIt) {
  EXPECT_THAT(spansOf({0.9F, 0.9F, 0.4F, 0.4F, 0.4F, 0, 0, 0}), ElementsAre(near(0, 0.5)));
}

TEST(SpeechSpans, SpeechToTheEndEndsWithTheSound) {
  const std::vector<float> probabilities{0, 0.9F, 0.9F, 0.9F};
  EXPECT_THAT(speechSpans(probabilities, kFrame, 0.37, kBare), ElementsAre(near(0.1, 0.37)));
}

TEST(SpeechSpans, PaddingStaysInsideTheSoundAndBetweenNeighbours) {
  auto options = kBare;
  options.padding = 0.15;
  EXPECT_THAT(spansOf({0, 0.9F, 0.9F, 0, 0, 0.9F, 0.9F, 0.9F}, options),
              ElementsAre(near(0, 0.4), near(0.4, 0.8)));
}

TEST(SpeechSpans, AreInOrderAndApartWhateverTheModelSays) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> any(0, 1);
  for (int round = 0; round < 500; ++round) {
    std::vector<float> probabilities(random() % 200);
    for (auto& probability : probabilities) probability = any(random);
    const auto total = static_cast<double>(probabilities.size()) * kFrame;
    double last = 0;
    for (const auto& [start, end] : speechSpans(probabilities, kFrame, total, {})) {
      EXPECT_GE(start, last);
      EXPECT_GT(end, start);
      EXPECT_LE(end, total);
      last = end;
    }
  }
}

}  // namespace
}  // namespace webpool::tasks
