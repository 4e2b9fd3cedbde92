// Where speech is, from how likely each frame is speech: what a voice-activity model says, made
// into spans that neither flicker nor cut words off.
#pragma once

#include <span>
#include <vector>

#include "webpool/speech.h"

namespace webpool::tasks {

/// `frame`: seconds a probability stands for. `total`: of the sound; no span goes beyond it.
/// In order, and no two overlap.
std::vector<SpeechSpan> speechSpans(std::span<const float> probabilities, double frame,
                                    double total, const SpeechOptions& options = {});

}  // namespace webpool::tasks
