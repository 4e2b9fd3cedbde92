#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/own_task.h"
#include "cli/record_flags.h"
#include "cli/run_flags.h"
#include "cli/run_output.h"
#include "cli/run_task.h"
#include "cli/terminal.h"
#include "pool/task.h"
#include "webpool/pool.h"

namespace webpool::cli {
namespace {

// A million seconds are eleven days.
constexpr double kShortestTimeout = 0.001;
constexpr double kLongestTimeout = 1e6;

/// CLI11's own check prints the bounds of a double, and no unit.
std::string checkTimeout(const std::string& text) {
  double seconds = 0;
  if (CLI::detail::lexical_cast(text, seconds) && seconds >= kShortestTimeout &&
      seconds <= kLongestTimeout) {
    return {};
  }
  return fmt::format("'{}' is no number of seconds from {} to {:.0f}", text, kShortestTimeout,
                     kLongestTimeout);
}

/// What is for another task than the model's would be without effect.
Result<void> checkTask(const RunFlags& flags, const ModelDescription& description) {
  const auto& task = description.task;
  const auto refused = [&](std::string_view flag, std::string_view takes) {
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("{} is for {}, and the task of {} is {}", flag, takes, description.name, task),
        fmt::format("leave {} out", flag));
  };
  if (const auto flag = flags.generation.firstGiven(); !flag.empty() && task != "text-generation") {
    return refused(flag, "text-generation");
  }
  constexpr std::string_view kSpeech = "automatic-speech-recognition";
  if (!flags.language.empty() && task != kSpeech) return refused("--language", kSpeech);
  if (flags.translate && task != kSpeech) return refused("--translate", kSpeech);
  constexpr std::array<std::string_view, 3> kLabelled = {"text-classification", "fill-mask",
                                                         "image-classification"};
  if (flags.topK && std::ranges::find(kLabelled, task) == kLabelled.end()) {
    return refused("--top-k", fmt::format("{}", fmt::join(kLabelled, ", ")));
  }
  return {};
}

/// Where the task that was asked for is the matter, the next step is the model's own.
Error withOwnTask(ResourcePool& pool, const RunFlags& flags, ModelOptions options, Error error) {
  const bool isOfTheTask =
      error.category == ErrorCategory::InvalidArgument && pool::findTask(flags.task) != nullptr;
  if (!isOfTheTask) return error;
  options.task.clear();
  const auto description = pool.describe(flags.model, options);
  if (!description) return error;
  const auto task = ownTask(*description);
  if (task == "tensors" || task == flags.task) return error;
  error.hint = fmt::format("{} is for {}: give --task {}", description->name, task, task);
  return error;
}

int run(const RunFlags& flags, const Context& context) {
  if (auto known = base::checkFolders(context.paths); !known) return reportError(known.error());
  const auto backend = backendFromName(flags.backend);
  if (!backend) return reportError(backend.error());
  if (auto possible = checkOutputs(flags.outputs); !possible) return reportError(possible.error());
  ProgressLine progress(context.quiet);
  const auto note = [&progress](const std::string& text) { progress.note("note: " + text); };
  auto poolOptions = flags.browser.poolOptions(context, note);
  if (!poolOptions) return reportError(poolOptions.error());
  if (auto set = flags.server.setIn(*poolOptions); !set) return reportError(set.error());
  const KeptRecord record(flags.server.url.empty() ? flags.browser.dbPath : "", note);
  record.watch(*poolOptions);
  auto pool = ResourcePool::open(std::move(*poolOptions));
  if (!pool) return reportError(pool.error());

  ModelOptions options{
      .task = flags.task,
      .backend = *backend,
      .browser = flags.server.browserOf(flags.browser),
      .dtype = flags.dtype,
      .precision = flags.precision,
      .mixedPrecision = flags.mixedPrecision,
      .component = flags.component,
      .context = flags.context,
      .progress = progress.callback(),
      .timeout = std::chrono::milliseconds(static_cast<std::int64_t>(flags.timeoutSeconds * 1000)),
      .stop = context.stop};
  auto description = (*pool)->describe(flags.model, options);
  if (!description) {
    progress.clear();
    record.notLoaded(flags.model, description.error());
    return reportError(withOwnTask(**pool, flags, options, description.error()));
  }
  const auto task = makeRunTask(description->task);
  if (!task) {
    progress.clear();
    return reportError({ErrorCategory::Unsupported,
                        fmt::format("`webpool run` has no task {}", description->task),
                        {}});
  }
  auto ready = checkTask(flags, *description);
  if (ready) ready = task->prepare(flags, *description);
  if (!ready) {
    progress.clear();
    record.notRun(*description, ready.error());
    return reportError(ready.error());
  }
  auto model = (*pool)->load(flags.model, options);
  progress.clear();
  if (!model) return reportError(model.error());
  return task->run(flags, *model, {.timeout = options.timeout, .stop = context.stop});
}

}  // namespace

void addRunCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<RunFlags>();
  auto* command = app.add_subcommand("run", "Run a model once in a browser");
  command->add_option("text", flags->arguments,
                      "Texts for a text task; - or none: lines of stdin. Files for what "
                      "hears or sees");
  command->add_option("-m,--model", flags->model, "A name, an .onnx file or a model folder")
      ->required();
  command->add_option("-t,--task", flags->task, pool::taskNames() + " (default: the model's)");
  command->add_option("--backend", flags->backend, "auto, wasm, webgpu or webnn")
      ->capture_default_str();
  command->add_option("--dtype", flags->dtype, "fp32, fp16, q8, int8, uint8, q4, q4f16, bnb4");
  command->add_option("--precision", flags->precision, "Bits of the weights: 32, 16, 8 or 4")
      ->type_name("BITS")
      ->check(CLI::IsMember({32, 16, 8, 4}));
  command->add_flag("--mixed-precision", flags->mixedPrecision,
                    "Weights of 4 bits, activations in 16 (q4f16)");
  command->add_option("--component", flags->component,
                      "Of a model with several graphs, the one to run, e.g. encoder_model");
  command
      ->add_option("--context", flags->context,
                   "text-generation: tokens of a conversation at most (default: the model's, up to "
                   "4096)")
      ->type_name("TOKENS")
      ->check(CLI::Range(1u, std::numeric_limits<unsigned>::max()));
  command->add_option("--language", flags->language,
                      "Of speech, e.g. en; without it the model tells it");
  command->add_flag("--translate", flags->translate, "Speech into English text");
  command->add_option("--top-k", flags->topK, "The best so many labels or words; 0: all")
      ->default_str(std::to_string(kUsualTopK));
  command->add_option("-i,--inputs", flags->inputs, "Tensors: .npz or JSON; - is stdin");
  command->add_option("-o,--outputs", flags->outputs, "Write the result to this .npz or .json");
  command->add_option("--repeat", flags->repeat, "Run so many times; the last one is reported")
      ->check(CLI::Range(1u, 1'000'000u));
  command->add_option("--timeout", flags->timeoutSeconds, "For load and for each run")
      ->capture_default_str()
      ->type_name("SECONDS")
      ->check(checkTimeout);
  command->add_flag("--json", flags->json, "Print one JSON object");
  flags->generation.addTo(*command);
  flags->browser.addTo(*command);
  flags->server.addTo(*command);
  command->footer(R"(
Examples:
  webpool run --model all-minilm-l6-v2 "a sentence" "another"
  webpool run --model all-minilm-l6-v2 --backend webgpu --json < texts.txt
  webpool run --model whisper-tiny interview.mp3
  webpool run --model smollm2-135m "What is the capital of France?"
  webpool run --model ./bert-ner "Ada Lovelace lived in London."
  webpool run --model ./vit --top-k 3 cat.jpg
  webpool run --model ./clip cat.jpg "a cat" "a dog"
  webpool run --model silero-vad --task voice-activity-detection talk.mp3
  webpool run --model ./silero_vad.onnx --inputs in.npz --outputs out.npz
  webpool run --url http://127.0.0.1:8080 --model all-minilm-l6-v2 "a sentence")");
  command->callback(
      [flags, &context, &action] { action = [flags, &context] { return run(*flags, context); }; });
}

}  // namespace webpool::cli
