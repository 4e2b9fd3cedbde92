#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <optional>

#include "cli/exit_code.h"
#include "cli/generation_output.h"
#include "cli/run_output.h"
#include "cli/run_task.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

class GenerationTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "a prompt", "prompt"); !none) return none;
    if (!flags.outputs.empty()) {
      return fail(ErrorCategory::InvalidArgument, "text-generation writes text, no tensors",
                  "leave --outputs out; --json prints all of it");
    }
    auto texts = readTexts(flags);
    if (!texts) return std::unexpected(texts.error());
    prompts_ = std::move(*texts);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    const auto generation = flags.generation.options();
    json::array answers;
    std::optional<Generation> last;
    for (const auto& prompt : prompts_) {
      const auto messages = flags.generation.begin(prompt);
      for (unsigned i = 0; i < flags.repeat; ++i) {
        // Of several tries the last one is reported.
        const bool show = !flags.json && i + 1 == flags.repeat;
        auto answer = generate(model, messages, generation, options, [&](std::string_view text) {
          if (!show) return;
          std::fwrite(text.data(), 1, text.size(), stdout);
          std::fflush(stdout);
        });
        if (!answer) return reportError(answer.error());
        if (answer->finish == FinishReason::Cancelled) {
          if (show) std::printf("\n");
          return reportError({ErrorCategory::Cancelled, "interrupted", ""});
        }
        last = std::move(*answer);
      }
      if (flags.json) {
        auto object = toJson(*last);
        object["prompt"] = prompt;
        answers.push_back(std::move(object));
      } else {
        printRest(*last);
      }
    }
    if (flags.json) {
      auto object = summary({model, last->ranOn, last->timings});
      object["answers"] = std::move(answers);
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    printRan({model, last->ranOn, last->timings});
    return 0;
  }

 private:
  std::vector<std::string> prompts_;
};

}  // namespace

std::unique_ptr<RunTask> runGenerationTask() {
  return std::make_unique<GenerationTask>();
}

}  // namespace webpool::cli
