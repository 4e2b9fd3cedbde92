#include "webpool/speech.h"

#include <fmt/format.h>

#include <utility>

#include "media/audio.h"
#include "tasks/speech_spans.h"

namespace webpool {
namespace {

constexpr std::string_view kDetection = "voice-activity-detection";
constexpr double kFrame = 512.0 / kSpeechRate;  // seconds a probability stands for

}  // namespace

Result<Sound> decodeSound(std::span<const std::byte> file, unsigned rate) {
  return media::decodeAudio(file, rate);
}

Result<SpeechDetection> detectSpeech(const Model& model, const Sound& sound,
                                     const SpeechOptions& speech, const RunOptions& options) {
  if (model.info().task != kDetection) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} was loaded for {}, not for {}", model.info().name,
                            model.info().task, kDetection),
                fmt::format("load it with task \"{}\"", kDetection));
  }
  if (sound.rate != kSpeechRate) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the sound has {} samples a second, and {} takes {}", sound.rate,
                            model.info().name, kSpeechRate),
                "resample it, as decodeSound() does");
  }
  auto result = model.run(
      {Tensor::of<float>("audio", DataType::Fp32, {static_cast<std::int64_t>(sound.samples.size())},
                         sound.samples)},
      options);
  if (!result) return std::unexpected(result.error());
  auto spans =
      tasks::speechSpans(result->outputs.front().as<float>(), kFrame, sound.seconds(), speech);
  return SpeechDetection{std::move(spans), std::move(*result)};
}

}  // namespace webpool
