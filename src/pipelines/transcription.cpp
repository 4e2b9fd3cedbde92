#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <numeric>
#include <utility>

#include "tasks/log_mel.h"
#include "tasks/token_text.h"
#include "tasks/transcript_spans.h"
#include "tasks/whisper_rules.h"
#include "webpool/speech.h"

namespace webpool {
namespace {

constexpr std::string_view kRecognition = "automatic-speech-recognition";

// Whisper's own: more chance each time an answer is not to be trusted.
constexpr std::array kTemperatures{0.0, 0.2, 0.4, 0.6, 0.8, 1.0};
constexpr double kRepetitive = 2.4;  // text ÷ compressed text
constexpr double kImprobable = -1;   // mean log-probability of a token
constexpr float kNoSpeech = 0.6F;
constexpr float kSilent = 1e-4F;  // -80 dB

/// What one run said of a window.
struct Said {
  std::vector<tasks::Token> tokens;
  double meanLogprob = 0;
  float noSpeech = 0;
  std::size_t language = 0;  ///< the likeliest, by its place among those asked about
};

double compression(const std::string& text) {
  if (text.empty()) return 0;
  auto size = ::compressBound(text.size());
  std::vector<Bytef> packed(size);
  if (::compress(packed.data(), &size, reinterpret_cast<const Bytef*>(text.data()), text.size()) !=
      Z_OK) {
    return 0;
  }
  return double(text.size()) / double(size);
}

std::string trimmed(std::string text) {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n\r") + 1 - first);
}

const Tensor* find(const Inference& inference, std::string_view name) {
  const auto found = std::ranges::find(inference.outputs, name, &Tensor::name);
  return found == inference.outputs.end() ? nullptr : &*found;
}

Result<Said> readAnswer(const Inference& inference) {
  const auto* tokens = find(inference, "tokens");
  const auto* logprobs = find(inference, "logprobs");
  const auto* languages = find(inference, "languages");
  const auto* noSpeech = find(inference, "no_speech");
  if (!tokens || !logprobs || !languages || !noSpeech || noSpeech->as<float>().size() != 1) {
    return fail(ErrorCategory::Protocol, "the page's answer is no transcript");
  }
  Said said;
  const auto ids = tokens->as<std::int64_t>();
  said.tokens.assign(ids.begin(), ids.end());
  const auto each = logprobs->as<float>();
  if (!each.empty())
    said.meanLogprob = std::accumulate(each.begin(), each.end(), 0.0) / each.size();
  said.noSpeech = noSpeech->as<float>().front();
  const auto likely = languages->as<float>();
  said.language = static_cast<std::size_t>(std::ranges::max_element(likely) - likely.begin());
  return said;
}

class Transcriber {
 public:
  static Result<Transcriber> of(const Model& model, const TranscribeOptions& how,
                                const RunOptions& options) {
    const auto config = model.file("generation_config.json");
    if (!config) return std::unexpected(config.error());
    const auto vocabulary = model.file("vocab.json");
    if (!vocabulary) return std::unexpected(vocabulary.error());
    auto rules = tasks::readWhisperRules(config->text());
    if (!rules) return std::unexpected(rules.error());
    auto text = tasks::TokenText::read(vocabulary->text());
    if (!text) return std::unexpected(text.error());
    tasks::WhisperCall call{.language = how.language, .translate = how.translate};
    if (auto possible = tasks::whisperParameters(*rules, call); !possible) {
      return std::unexpected(possible.error());
    }
    return Transcriber(model, options, std::move(*rules), std::move(*text), std::move(call));
  }

  Result<Transcript> transcribe(const Sound& sound, const TranscribeOptions& how) {
    Transcript result;
    result.language = call_.language;
    const auto& samples = sound.samples;
    for (std::size_t at = 0; at < samples.size();) {
      const auto window =
          std::span(samples).subspan(at, std::min(samples.size() - at, tasks::kMelWindow));
      const double start = double(at) / kSpeechRate;
      const double length = double(window.size()) / kSpeechRate;
      ++result.windows;
      auto spans = tasks::WindowTranscript{{}, length};
      if (!isSilent(window)) {
        auto heard = hear(window, result);
        if (!heard) return std::unexpected(heard.error());
        if (!isNoSpeech(*heard)) spans = tasks::transcriptSpans(heard->tokens, rules_, length);
      }
      for (const auto& span : spans.spans) {
        TranscriptSegment segment{start + span.start, start + span.end,
                                  trimmed(text_.text(span.tokens))};
        if (segment.text.empty()) continue;
        if (how.onSegment) how.onSegment(segment);
        result.text += (result.text.empty() ? "" : " ") + segment.text;
        result.segments.push_back(std::move(segment));
      }
      at += std::max<std::size_t>(static_cast<std::size_t>(spans.next * kSpeechRate), kLeastStep);
    }
    return result;
  }

 private:
  static constexpr std::size_t kLeastStep = kSpeechRate / 50;  // what a timestamp can tell apart

  Transcriber(const Model& model, const RunOptions& options, tasks::WhisperRules rules,
              tasks::TokenText text, tasks::WhisperCall call)
      : model_(model),
        options_(options),
        rules_(std::move(rules)),
        text_(std::move(text)),
        call_(std::move(call)) {}

  static bool isSilent(std::span<const float> window) {
    return std::ranges::all_of(window, [](float sample) { return std::abs(sample) < kSilent; });
  }

  static bool isNoSpeech(const Said& said) {
    return said.noSpeech > kNoSpeech && said.meanLogprob < kImprobable;
  }

  bool isTrusted(const Said& said) const {
    return isNoSpeech(said) ||
           (said.meanLogprob >= kImprobable && compression(text_.text(said.tokens)) <= kRepetitive);
  }

  /// The first answer that is to be trusted, else the last.
  Result<Said> hear(std::span<const float> window, Transcript& result) {
    const auto features = Tensor::of<float>(
        "input_features", DataType::Fp32,
        {1, static_cast<std::int64_t>(mel_.bands()), tasks::kMelFrames}, mel_.of(window));
    std::optional<Said> last;
    for (const auto temperature : kTemperatures) {
      call_.temperature = temperature;
      call_.seed = result.windows;
      const auto parameters = tasks::whisperParameters(rules_, call_);
      if (!parameters) return std::unexpected(parameters.error());
      auto options = options_;
      options.parameters = boost::json::serialize(*parameters);
      const auto answer = model_.run({features}, options);
      if (!answer) return std::unexpected(answer.error());
      auto said = readAnswer(*answer);
      if (!said) return std::unexpected(said.error());
      ++result.runs;
      result.timings.queueMs += answer->timings.queueMs;
      result.timings.runMs += answer->timings.runMs;
      result.timings.totalMs += answer->timings.totalMs;
      result.ranOn = answer->ranOn;
      if (call_.language.empty()) tellLanguage(said->language);
      result.language = call_.language;
      last = std::move(*said);
      if (isTrusted(*last)) break;
    }
    return std::move(*last);
  }

  /// From the first window with sound, for all that follow. The languages were asked in their
  /// order.
  void tellLanguage(std::size_t place) {
    if (place >= rules_.languages.size()) return;
    call_.language = std::next(rules_.languages.begin(), static_cast<std::ptrdiff_t>(place))->first;
  }

  const Model& model_;
  const RunOptions& options_;
  tasks::WhisperRules rules_;
  tasks::TokenText text_;
  tasks::WhisperCall call_;
  tasks::LogMel mel_;
};

}  // namespace

Result<Transcript> transcribe(const Model& model, const Sound& sound, const TranscribeOptions& how,
                              const RunOptions& options) {
  const auto& info = model.info();
  if (info.task != kRecognition) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} was loaded for {}, not for {}", info.name, info.task, kRecognition),
                fmt::format("load it with task \"{}\"", kRecognition));
  }
  if (sound.rate != kSpeechRate) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the sound has {} samples a second, and {} takes {}", sound.rate,
                            info.name, kSpeechRate),
                "resample it, as decodeSound() does");
  }
  const auto began = std::chrono::steady_clock::now();
  auto transcriber = Transcriber::of(model, how, options);
  if (!transcriber) return std::unexpected(transcriber.error());
  auto said = transcriber->transcribe(sound, how);
  if (said && said->runs == 0) model.answeredWithoutRun(1, began);  // silence
  return said;
}

}  // namespace webpool
