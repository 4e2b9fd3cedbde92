// Speech in sounds: where it is.
//
//   auto sound = webpool::decodeSound(bytesOfAFile);
//   auto found = webpool::detectSpeech(*(*pool)->load("silero-vad"), *sound);
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "webpool/model.h"

namespace webpool {

/// One channel.
struct Sound {
  unsigned rate = 0;           ///< samples a second
  std::vector<float> samples;  ///< about -1 to 1

  double seconds() const { return rate == 0 ? 0 : static_cast<double>(samples.size()) / rate; }
};

/// The rate that every speech model here takes.
inline constexpr unsigned kSpeechRate = 16'000;

/// WAV, FLAC, OGG (Vorbis, Opus) or MP3, as its bytes say, mixed to one channel and resampled.
/// A file whose header lies about its length gives the samples that are there. InvalidInput: no
/// sound file that is known, nothing of it can be read, or it is longer than four hours.
Result<Sound> decodeSound(std::span<const std::byte> file, unsigned rate = kSpeechRate);

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

struct SpeechDetection {
  std::vector<SpeechSpan> spans;  ///< in order, none overlaps another
  Inference inference;            ///< its output: how likely each 32 ms are speech
};

/// For a model of task "voice-activity-detection" and a sound at kSpeechRate. Blocks; thread-safe.
/// Errors: InvalidArgument for another task or rate, and those of Model::run().
Result<SpeechDetection> detectSpeech(const Model& model, const Sound& sound,
                                     const SpeechOptions& speech = {},
                                     const RunOptions& options = {});

}  // namespace webpool
