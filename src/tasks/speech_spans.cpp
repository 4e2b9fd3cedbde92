#include "tasks/speech_spans.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace webpool::tasks {
namespace {

/// How many frames last at least that long; sums of fractions are not quite what they should be.
std::size_t framesOf(double seconds, double frame) {
  constexpr double kTolerance = 1e-6;
  return static_cast<std::size_t>(std::max(0.0, std::ceil(seconds / frame - kTolerance)));
}

/// Begin and end without padding.
std::vector<SpeechSpan> bareSpans(std::span<const float> probabilities, double frame, double total,
                                  const SpeechOptions& options) {
  const auto leastSpeech = framesOf(options.leastSpeech, frame);
  const auto leastSilence = framesOf(options.leastSilence, frame);
  std::vector<SpeechSpan> spans;
  std::optional<std::size_t> begun;
  std::optional<std::size_t> quietSince;
  const auto close = [&](std::size_t end) {
    if (end - *begun >= leastSpeech) {
      spans.push_back(
          {static_cast<double>(*begun) * frame, std::min(total, static_cast<double>(end) * frame)});
    }
    begun.reset();
    quietSince.reset();
  };
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const auto probability = probabilities[i];
    if (probability >= options.threshold) {
      quietSince.reset();
      if (!begun) begun = i;
    } else if (begun && (quietSince || probability < options.threshold - options.hysteresis)) {
      if (!quietSince) quietSince = i;
      if (i + 1 - *quietSince >= leastSilence) close(*quietSince);
    }
  }
  if (begun) close(quietSince.value_or(probabilities.size()));
  return spans;
}

}  // namespace

std::vector<SpeechSpan> speechSpans(std::span<const float> probabilities, double frame,
                                    double total, const SpeechOptions& options) {
  auto spans = bareSpans(probabilities, frame, total, options);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (i == 0) spans[i].start = std::max(0.0, spans[i].start - options.padding);
    if (i + 1 == spans.size()) {
      spans[i].end = std::min(total, spans[i].end + options.padding);
      break;
    }
    // Two neighbours share a gap that is too small for both.
    const auto gap = spans[i + 1].start - spans[i].end;
    const auto pad = std::min(options.padding, gap / 2);
    spans[i].end += pad;
    spans[i + 1].start -= pad;
  }
  return spans;
}

}  // namespace webpool::tasks
