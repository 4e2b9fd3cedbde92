// Where speech is, from how likely each frame is speech: what a voice-activity model says, made
// into spans that neither flicker nor cut words off.
#pragma once

#include <span>
#include <vector>

namespace webpool::tasks {

/// Seconds from the start of the sound.
struct SpeechSpan {
  double start = 0;
  double end = 0;

  bool operator==(const SpeechSpan&) const = default;
};

/// The defaults are those that Silero VAD is published with.
struct SpeechOptions {
  float threshold = 0.5F;     ///< speech begins at this probability
  float hysteresis = 0.15F;   ///< and ends so far below it
  double leastSpeech = 0.25;  ///< seconds; shorter spans are dropped
  double leastSilence = 0.1;  ///< seconds; shorter gaps do not end a span
  double padding = 0.03;      ///< seconds on each side, where there is room between spans
};

/// `frame`: seconds a probability stands for. `total`: of the sound; no span goes beyond it.
/// In order, and no two overlap.
std::vector<SpeechSpan> speechSpans(std::span<const float> probabilities, double frame,
                                    double total, const SpeechOptions& options = {});

}  // namespace webpool::tasks
