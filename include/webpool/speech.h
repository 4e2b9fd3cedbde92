// Speech in sounds: where it is, and what is said.
//
//   auto sound = webpool::decodeSound(bytesOfAFile);
//   auto found = webpool::detectSpeech(*(*pool)->load("silero-vad"), *sound);
//   auto said = webpool::transcribe(*(*pool)->load("whisper-tiny"), *sound);
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
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

struct TranscriptSegment {
  double start = 0;  ///< seconds from the start of the sound
  double end = 0;
  std::string text;

  bool operator==(const TranscriptSegment&) const = default;
};

struct TranscribeOptions {
  std::string language{};  ///< "en"; empty: told by the model from the first 30 s
  bool translate = false;  ///< into English
  /// Called for each segment as soon as it is known, in order, on the caller's thread.
  std::function<void(const TranscriptSegment&)> onSegment{};
};

struct Transcript {
  std::string text;      ///< of all segments
  std::string language;  ///< asked for or told by the model; empty: the model knows English only
  std::vector<TranscriptSegment> segments;
  unsigned windows = 0;  ///< of 30 s at most; each is a run, or several
  unsigned runs = 0;     ///< more than windows where an answer was not to be trusted
  RunTimings timings;    ///< of all runs together
  RanOn ranOn;           ///< of the last run
};

/// For a model of task "automatic-speech-recognition" (Whisper) and a sound at kSpeechRate of any
/// length: window by window, each from where the last whole segment of the one before ended. Where
/// the model says that there is no speech, or the window is silent, nothing is said. A window whose
/// text repeats itself or is improbable is tried again with a little chance (Whisper's own way);
/// the same sound gives the same text all the same. Blocks; thread-safe; options.timeout is for
/// each run. Errors: InvalidArgument for another task, rate or language, and those of Model::run().
Result<Transcript> transcribe(const Model& model, const Sound& sound,
                              const TranscribeOptions& transcribe = {},
                              const RunOptions& options = {});

}  // namespace webpool
