#include "cli/run_sounds.h"

#include <fmt/format.h>

#include <span>

#include "cli/run_inputs.h"

namespace webpool::cli {

Result<std::vector<NamedSound>> readSounds(const RunFlags& flags) {
  const auto files = readFiles(flags, "sound file", "WAV, FLAC, OGG or MP3");
  if (!files) return std::unexpected(files.error());
  std::vector<NamedSound> sounds;
  for (const auto& [name, bytes] : *files) {
    auto sound = decodeSound(std::as_bytes(std::span(bytes)));
    if (!sound) {
      auto error = sound.error();
      error.message = fmt::format("{}: {}", name, error.message);
      return std::unexpected(std::move(error));
    }
    sounds.push_back({name, std::move(*sound)});
  }
  return sounds;
}

}  // namespace webpool::cli
