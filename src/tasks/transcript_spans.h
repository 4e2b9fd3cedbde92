// From the tokens that were said for a window of sound to spans of them with times, and to where
// the next window begins (Whisper's way through sounds longer than a window). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tasks/whisper_rules.h"

namespace webpool::tasks {

struct TokenSpan {
  double start = 0;  ///< seconds from the window's beginning
  double end = 0;
  std::vector<Token> tokens;  ///< without timestamps

  bool operator==(const TokenSpan&) const = default;
};

struct WindowTranscript {
  std::vector<TokenSpan> spans;
  double next = 0;  ///< seconds from the window's beginning, above 0
};

/// `length`: seconds of sound in the window, above 0. A span that the window cuts off is left to
/// the next one.
WindowTranscript transcriptSpans(std::span<const Token> tokens, const WhisperRules& rules,
                                 double length);

}  // namespace webpool::tasks
