#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <optional>

#include "cli/exit_code.h"
#include "cli/run_output.h"
#include "cli/run_sounds.h"
#include "cli/run_task.h"
#include "cli/time_text.h"
#include "webpool/speech.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

json::object fileJson(const NamedSound& file, const Transcript& said) {
  json::array segments;
  for (const auto& [start, end, text] : said.segments) {
    segments.push_back({{"start", start}, {"end", end}, {"text", text}});
  }
  return {{"file", file.name},
          {"seconds", file.sound.seconds()},
          {"language", said.language.empty() ? json::value() : json::value(said.language)},
          {"text", said.text},
          {"segments", std::move(segments)},
          {"windows", said.windows},
          {"runs", said.runs},
          {"run_ms", said.runs > 0 ? json::value(said.timings.runMs) : json::value()}};
}

void printSegment(const TranscriptSegment& segment) {
  std::printf("  %s  to  %s  %s\n", timeText(segment.start).c_str(), timeText(segment.end).c_str(),
              segment.text.c_str());
  std::fflush(stdout);  // the next one may take a while
}

class TranscriptionTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "sound files", "files"); !none) return none;
    if (auto none = refuseOutputs(flags, description, "text"); !none) return none;
    auto sounds = readSounds(flags);
    if (!sounds) return std::unexpected(sounds.error());
    sounds_ = std::move(*sounds);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    json::array files;
    std::optional<Transcript> last;
    for (const auto& file : sounds_) {
      TranscribeOptions how{.language = flags.language, .translate = flags.translate};
      if (!flags.json) {
        std::printf("%s\n", file.name.c_str());
        how.onSegment = printSegment;
      }
      auto said = transcribe(model, file.sound, how, options);
      how.onSegment = nullptr;
      for (unsigned i = 1; said && i < flags.repeat; ++i) {
        said = transcribe(model, file.sound, how, options);
      }
      if (!said) return reportError(said.error());
      if (flags.json) {
        files.push_back(fileJson(file, *said));
      } else {
        printEnd(file, *said);
      }
      last = std::move(*said);
    }
    // Nothing ran for silence.
    const auto ranOn = last->runs > 0 ? last->ranOn : model.info().ranOn;
    const auto timings = last->runs > 0 ? std::optional(last->timings) : std::nullopt;
    if (flags.json) {
      auto object = summary({model, ranOn, timings});
      object["files"] = std::move(files);
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    printRan({model, ranOn, timings});
    return 0;
  }

 private:
  static void printEnd(const NamedSound& file, const Transcript& said) {
    if (said.segments.empty()) std::printf("  nothing is said\n");
    std::printf("  %.1f s of sound%s%s\n", file.sound.seconds(),
                said.language.empty() ? "" : ", language ", said.language.c_str());
  }

  std::vector<NamedSound> sounds_;
};

}  // namespace

std::unique_ptr<RunTask> runTranscriptionTask() {
  return std::make_unique<TranscriptionTask>();
}

}  // namespace webpool::cli
