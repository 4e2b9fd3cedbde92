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

json::object fileJson(const NamedSound& file, const std::vector<SpeechSpan>& spans) {
  json::array list;
  for (const auto& [start, end] : spans) list.push_back({{"start", start}, {"end", end}});
  return {{"file", file.name}, {"seconds", file.sound.seconds()}, {"speech", std::move(list)}};
}

void printFile(const NamedSound& file, const std::vector<SpeechSpan>& spans) {
  double spoken = 0;
  std::printf("%s\n", file.name.c_str());
  for (const auto& [start, end] : spans) {
    std::printf("  %s  to  %s\n", timeText(start).c_str(), timeText(end).c_str());
    spoken += end - start;
  }
  std::printf("  speech in %.1f of %.1f s\n", spoken, file.sound.seconds());
}

class SpeechTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "sound files", "files"); !none) return none;
    auto sounds = readSounds(flags);
    if (!sounds) return std::unexpected(sounds.error());
    sounds_ = std::move(*sounds);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    json::array files;
    std::vector<Tensor> outputs;
    std::optional<Inference> last;
    for (const auto& file : sounds_) {
      auto result = detectSpeech(model, file.sound, {}, options);
      for (unsigned i = 1; result && i < flags.repeat; ++i) {
        result = detectSpeech(model, file.sound, {}, options);
      }
      if (!result) return reportError(result.error());
      if (flags.json) {
        files.push_back(fileJson(file, result->spans));
      } else {
        printFile(file, result->spans);
      }
      outputs.push_back(result->inference.outputs.front());
      if (sounds_.size() > 1) outputs.back().name = file.name;
      last = std::move(result->inference);
    }
    if (!flags.outputs.empty()) {
      if (auto written = writeOutputs(flags.outputs, flags.model, outputs); !written) {
        return reportError(written.error());
      }
    }
    if (flags.json) {
      auto object = summary({model, last->ranOn, last->timings});
      object["files"] = std::move(files);
      if (!flags.outputs.empty()) object["outputs_file"] = flags.outputs;
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    if (!flags.outputs.empty()) std::printf("written to %s\n", flags.outputs.c_str());
    printRan({model, last->ranOn, last->timings});
    return 0;
  }

 private:
  std::vector<NamedSound> sounds_;
};

}  // namespace

std::unique_ptr<RunTask> runSpeechTask() {
  return std::make_unique<SpeechTask>();
}

}  // namespace webpool::cli
