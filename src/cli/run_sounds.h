// The sound files that `webpool run` is given, read and decoded before a browser is asked.
#pragma once

#include <string>
#include <vector>

#include "cli/run_flags.h"
#include "webpool/speech.h"

namespace webpool::cli {

struct NamedSound {
  std::string name;  ///< the path, or "standard input"
  Sound sound;       ///< at kSpeechRate
};

/// An error names its file.
Result<std::vector<NamedSound>> readSounds(const RunFlags& flags);

}  // namespace webpool::cli
