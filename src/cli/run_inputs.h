// What `webpool run` reads before a browser is asked, whatever the task: texts and files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/run_flags.h"
#include "webpool/model.h"

namespace webpool::cli {

/// For a task that takes no --inputs: `takes` is what it takes ("sound files"), `arguments` how
/// they are called in "give the … as arguments".
Result<void> refuseTensors(const RunFlags& flags, const ModelDescription& description,
                           std::string_view takes, std::string_view arguments);

/// For a task whose answer is `gives` ("text"), no tensors for --outputs.
Result<void> refuseOutputs(const RunFlags& flags, const ModelDescription& description,
                           std::string_view gives);

/// The arguments, or the lines of standard input; checked to be texts that a model can take.
Result<std::vector<std::string>> readTexts(const RunFlags& flags);

struct NamedBytes {
  std::string name;  ///< the path, or "standard input"
  std::string bytes;
};

/// Each argument's file; "-" is standard input. `kind` and `formats` for the error where none is
/// given: "sound file", "WAV, FLAC, OGG or MP3".
Result<std::vector<NamedBytes>> readFiles(const RunFlags& flags, std::string_view kind,
                                          std::string_view formats);

}  // namespace webpool::cli
