#include "cli/run_speech.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/file.h"
#include "cli/exit_code.h"
#include "cli/run_output.h"
#include "tasks/speech_spans.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

constexpr unsigned kRate = 16'000;
constexpr double kFrame = 512.0 / kRate;  // seconds
constexpr std::uint64_t kLargest = std::uint64_t{4} << 30;

Result<std::string> readFile(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  return base::readFile(path, kLargest);
}

/// "1:02.35"
std::string timeText(double seconds) {
  const auto hundredths = static_cast<std::uint64_t>(seconds * 100 + 0.5);
  return fmt::format("{}:{:02}.{:02}", hundredths / 6000, hundredths / 100 % 60, hundredths % 100);
}

json::object fileJson(const Sound& sound, const std::vector<tasks::SpeechSpan>& spans) {
  json::array list;
  for (const auto& [start, end] : spans) list.push_back({{"start", start}, {"end", end}});
  return {{"file", sound.path}, {"seconds", sound.audio.seconds()}, {"speech", std::move(list)}};
}

void printFile(const Sound& sound, const std::vector<tasks::SpeechSpan>& spans) {
  double spoken = 0;
  std::printf("%s\n", sound.path.c_str());
  for (const auto& [start, end] : spans) {
    std::printf("  %s  to  %s\n", timeText(start).c_str(), timeText(end).c_str());
    spoken += end - start;
  }
  std::printf("  speech in %.1f of %.1f s\n", spoken, sound.audio.seconds());
}

}  // namespace

Result<std::vector<Sound>> readSounds(const std::vector<std::string>& paths) {
  if (paths.empty()) {
    return fail(ErrorCategory::InvalidArgument, "no sound file given",
                "give WAV, FLAC, OGG or MP3 files as arguments; - is standard input");
  }
  std::vector<Sound> sounds;
  for (const auto& path : paths) {
    const auto bytes = readFile(path);
    if (!bytes) return std::unexpected(bytes.error());
    auto audio = media::decodeAudio(std::as_bytes(std::span(*bytes)), kRate);
    if (!audio) {
      auto error = audio.error();
      error.message = fmt::format("{}: {}", path == "-" ? "standard input" : path, error.message);
      return std::unexpected(std::move(error));
    }
    sounds.push_back({path, std::move(*audio)});
  }
  return sounds;
}

int runSpeech(const RunFlags& flags, const Model& model, const RunOptions& options,
              const std::vector<Sound>& sounds) {
  json::array files;
  std::vector<Tensor> outputs;
  std::optional<Inference> last;
  for (const auto& sound : sounds) {
    const auto& samples = sound.audio.samples;
    const auto input = Tensor::of<float>("audio", DataType::Fp32,
                                         {static_cast<std::int64_t>(samples.size())}, samples);
    auto result = model.run({input}, options);
    for (unsigned i = 1; result && i < flags.repeat; ++i) result = model.run({input}, options);
    if (!result) return reportError(result.error());
    auto& probability = result->outputs.front();
    const auto spans = tasks::speechSpans(probability.as<float>(), kFrame, sound.audio.seconds());
    if (flags.json) {
      files.push_back(fileJson(sound, spans));
    } else {
      printFile(sound, spans);
    }
    outputs.push_back(probability);
    if (sounds.size() > 1) outputs.back().name = sound.path;
    last = std::move(*result);
  }
  if (!flags.outputs.empty()) {
    if (auto written = writeOutputs(flags.outputs, flags.model, outputs); !written) {
      return reportError(written.error());
    }
  }
  if (flags.json) {
    auto object = summary(model, last->ranOn, last->timings);
    object["files"] = std::move(files);
    if (!flags.outputs.empty()) object["outputs_file"] = flags.outputs;
    std::printf("%s\n", json::serialize(object).c_str());
    return 0;
  }
  if (!flags.outputs.empty()) std::printf("written to %s\n", flags.outputs.c_str());
  printRan(model, last->ranOn, last->timings);
  return 0;
}

}  // namespace webpool::cli
