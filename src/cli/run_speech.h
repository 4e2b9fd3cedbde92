// `webpool run --task voice-activity-detection`: where speech is in sound files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/run_flags.h"
#include "media/audio.h"
#include "webpool/model.h"

namespace webpool::cli {

constexpr std::string_view kSpeechTask = "voice-activity-detection";

struct Sound {
  std::string path;
  media::Audio audio;  ///< at 16 kHz
};

/// Read and decoded; "-" is standard input. An error names its file.
Result<std::vector<Sound>> readSounds(const std::vector<std::string>& paths);

/// Prints the spans of each file; the exit code.
int runSpeech(const RunFlags& flags, const Model& model, const RunOptions& options,
              const std::vector<Sound>& sounds);

}  // namespace webpool::cli
