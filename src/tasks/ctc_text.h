// The characters that a model read, from their probabilities column by column (Graves et al. 2006,
// "Connectionist Temporal Classification"). Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "webpool/error.h"

namespace webpool::tasks {

struct ReadText {
  std::string text;
  double score = 0;  ///< mean probability of the characters; 0 where there is none
};

/// The likeliest character of each column; repeated ones are one, and 0 is none. `probabilities`:
/// rows of alphabet.size() + 1.
ReadText ctcText(std::span<const float> probabilities, std::span<const std::string> alphabet);

/// One character a line; the blank, which models know beside them, comes last.
std::vector<std::string> readAlphabet(std::string_view keys);

}  // namespace webpool::tasks
