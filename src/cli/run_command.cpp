#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <cstdio>
#include <iostream>
#include <span>

#include "base/file.h"
#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/run_flags.h"
#include "cli/run_output.h"
#include "cli/run_speech.h"
#include "cli/terminal.h"
#include "onnx/check_inputs.h"
#include "onnx/json_tensors.h"
#include "onnx/npz.h"
#include "pool/signature.h"
#include "pool/task.h"
#include "pool/texts.h"
#include "webpool/pool.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

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

/// One text a line; an empty last line is none.
std::vector<std::string> readLines(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

Result<Bytes> readInputFile(const std::string& path) {
  if (path == "-") {
    std::string text(std::istreambuf_iterator<char>(std::cin), {});
    return Bytes::adopt(std::move(text));
  }
  auto contents = base::readFile(path, 4ull << 30);
  if (!contents) return std::unexpected(contents.error());
  return Bytes::adopt(std::move(*contents));
}

/// One row a text.
Tensor embeddingTensor(const std::vector<std::vector<float>>& vectors) {
  const auto width = vectors.empty() ? 0 : vectors.front().size();
  std::vector<std::byte> bytes;
  for (const auto& vector : vectors) {
    const auto view = std::as_bytes(std::span(vector));
    bytes.insert(bytes.end(), view.begin(), view.end());
  }
  return {"embedding",
          DataType::Fp32,
          {static_cast<std::int64_t>(vectors.size()), static_cast<std::int64_t>(width)},
          Bytes::adopt(std::move(bytes))};
}

std::string tensorLine(const Tensor& tensor) {
  auto line =
      fmt::format("{}  {} {}", tensor.name, dataTypeName(tensor.type), shapeText(tensor.shape));
  if (tensor.type == DataType::Fp32) {
    line += " ";
    const auto values = tensor.as<float>();
    for (std::size_t i = 0; i < std::min<std::size_t>(values.size(), 4); ++i) {
      line += fmt::format(" {:.5g}", values[i]);
    }
    if (values.size() > 4) line += " …";
  }
  return line;
}

int runEmbedding(const RunFlags& flags, const Model& model, const RunOptions& options,
                 const std::vector<std::string>& texts) {
  auto result = model.embed(texts, options);
  for (unsigned i = 1; result && i < flags.repeat; ++i) result = model.embed(texts, options);
  if (!result) return reportError(result.error());
  if (!flags.outputs.empty()) {
    if (auto written = writeOutputs(flags.outputs, flags.model, {embeddingTensor(result->vectors)});
        !written) {
      return reportError(written.error());
    }
  }
  if (flags.json) {
    auto object = summary(model, result->ranOn, result->timings);
    if (flags.outputs.empty()) {
      json::array rows;
      for (const auto& vector : result->vectors) rows.emplace_back(json::value_from(vector));
      object["embeddings"] = std::move(rows);
    } else {
      object["outputs_file"] = flags.outputs;
    }
    std::printf("%s\n", json::serialize(object).c_str());
    return 0;
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto& vector = result->vectors[i];
    std::printf("%zu  [%.4f, %.4f, %.4f, … %zu]  %s\n", i + 1, double(vector[0]), double(vector[1]),
                double(vector[2]), vector.size(), fitText(texts[i], 36).c_str());
  }
  if (texts.size() > 1) {
    std::printf("\ncosine similarity\n%s", similarityTable(texts, result->vectors).c_str());
  }
  if (!flags.outputs.empty()) std::printf("written to %s\n", flags.outputs.c_str());
  printRan(model, result->ranOn, result->timings);
  return 0;
}

int runTensors(const RunFlags& flags, const Model& model, const RunOptions& options,
               const std::vector<Tensor>& inputs) {
  auto result = model.run(inputs, options);
  for (unsigned i = 1; result && i < flags.repeat; ++i) result = model.run(inputs, options);
  if (!result) return reportError(result.error());
  if (!flags.outputs.empty()) {
    if (auto written = writeOutputs(flags.outputs, flags.model, result->outputs); !written) {
      return reportError(written.error());
    }
  }
  if (flags.json) {
    auto object = summary(model, result->ranOn, result->timings);
    if (flags.outputs.empty()) {
      const auto text = onnx::writeJsonTensors(model.info().name, result->outputs);
      if (!text) return reportError(text.error());
      object["outputs"] = json::parse(*text).at("outputs");
    } else {
      object["outputs_file"] = flags.outputs;
    }
    std::printf("%s\n", json::serialize(object).c_str());
    return 0;
  }
  for (const auto& tensor : result->outputs) std::printf("%s\n", tensorLine(tensor).c_str());
  if (!flags.outputs.empty()) std::printf("written to %s\n", flags.outputs.c_str());
  printRan(model, result->ranOn, result->timings);
  return 0;
}

/// What there is to run on, checked before anything is launched.
struct Work {
  std::vector<std::string> texts;
  std::vector<Tensor> tensors;
  std::vector<Sound> sounds;
};

/// Says which input it was that could not be read.
std::unexpected<Error> inputError(const RunFlags& flags, Error error) {
  error.message =
      fmt::format("{}: {}", flags.inputs == "-" ? "standard input" : flags.inputs, error.message);
  return std::unexpected(std::move(error));
}

Result<Work> prepare(const RunFlags& flags, const ModelDescription& description) {
  Work work;
  if (description.task == "tensors") {
    if (!flags.arguments.empty()) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("the model '{}' takes tensors, not text", description.name),
                  "give --inputs in.npz or --inputs in.json");
    }
    if (flags.inputs.empty()) {
      std::string names;
      for (const auto& spec : description.inputs) {
        names += fmt::format("\n     {}: {}", spec.name, onnx::portText(pool::toPort(spec)));
      }
      return fail(ErrorCategory::InvalidArgument, "no inputs given",
                  "give --inputs FILE (.npz or .json) with:" + names);
    }
    const auto signature = pool::toOnnx(description);
    auto file = readInputFile(flags.inputs);
    if (!file) return std::unexpected(file.error());
    auto tensors = onnx::readTensors(*file, &signature);
    if (!tensors) return inputError(flags, tensors.error());
    if (auto checked = onnx::checkInputs(signature, *tensors); !checked) {
      return inputError(flags, checked.error());
    }
    work.tensors = std::move(*tensors);
    return work;
  }
  const bool sound = description.task == kSpeechTask;
  if (!flags.inputs.empty()) {
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("the task {} takes {}, not tensors", description.task,
                    sound ? "sound files" : "text"),
        fmt::format("give the {} as arguments, or --task tensors", sound ? "files" : "sentences"));
  }
  if (sound) {
    auto sounds = readSounds(flags.arguments);
    if (!sounds) return std::unexpected(sounds.error());
    work.sounds = std::move(*sounds);
    return work;
  }
  work.texts = flags.arguments;
  if (work.texts.empty() || work.texts == std::vector<std::string>{"-"}) {
    if (flags.arguments.empty() && ::isatty(STDIN_FILENO) != 0) {
      return fail(ErrorCategory::InvalidArgument, "no text given",
                  "give sentences as arguments, or one a line on standard input");
    }
    work.texts = readLines(std::cin);
  }
  if (work.texts.empty()) {
    return fail(ErrorCategory::InvalidArgument, "no text given", "standard input was empty");
  }
  if (auto checked = pool::checkTexts(work.texts); !checked) {
    return std::unexpected(checked.error());
  }
  return work;
}

int run(const RunFlags& flags, const Context& context) {
  if (auto known = base::checkFolders(context.paths); !known) return reportError(known.error());
  const auto backend = backendFromName(flags.backend);
  if (!backend) return reportError(backend.error());
  if (auto possible = checkOutputs(flags.outputs); !possible) return reportError(possible.error());
  ProgressLine progress(context.quiet);
  auto poolOptions = flags.browser.poolOptions(
      context, [&progress](const std::string& text) { progress.note("note: " + text); });
  if (!poolOptions) return reportError(poolOptions.error());
  auto pool = ResourcePool::open(std::move(*poolOptions));
  if (!pool) return reportError(pool.error());

  ModelOptions options{
      .task = flags.task,
      .backend = *backend,
      .dtype = flags.dtype,
      .component = flags.component,
      .progress = progress.callback(),
      .timeout = std::chrono::milliseconds(static_cast<std::int64_t>(flags.timeoutSeconds * 1000)),
      .stop = context.stop};
  auto description = (*pool)->describe(flags.model, options);
  if (!description) {
    progress.clear();
    return reportError(description.error());
  }
  auto work = prepare(flags, *description);
  if (!work) {
    progress.clear();
    return reportError(work.error());
  }
  auto model = (*pool)->load(flags.model, options);
  progress.clear();
  if (!model) return reportError(model.error());
  const RunOptions runOptions{.timeout = options.timeout, .stop = context.stop};
  if (description->task == kSpeechTask) return runSpeech(flags, *model, runOptions, work->sounds);
  return description->task == "tensors" ? runTensors(flags, *model, runOptions, work->tensors)
                                        : runEmbedding(flags, *model, runOptions, work->texts);
}

}  // namespace

void addRunCommand(CLI::App& app, Context& context, Action& action) {
  auto flags = std::make_shared<RunFlags>();
  auto* command = app.add_subcommand("run", "Run a model once in a browser");
  command->add_option("text", flags->arguments,
                      "Texts for a text task; - or none: lines of stdin. Sound files for "
                      "voice-activity-detection");
  command->add_option("-m,--model", flags->model, "A name, an .onnx file or a model folder")
      ->required();
  command->add_option("-t,--task", flags->task, pool::taskNames() + " (default: the model's)");
  command->add_option("--backend", flags->backend, "auto, wasm, webgpu or webnn")
      ->capture_default_str();
  command->add_option("--dtype", flags->dtype, "fp32, fp16, q8, int8, uint8, q4, q4f16, bnb4");
  command->add_option("--component", flags->component,
                      "Of a model with several graphs, the one to run, e.g. encoder_model");
  command->add_option("-i,--inputs", flags->inputs, "Tensors: .npz or JSON; - is stdin");
  command->add_option("-o,--outputs", flags->outputs, "Write the result to this .npz or .json");
  command->add_option("--repeat", flags->repeat, "Run so many times; the last one is reported")
      ->check(CLI::Range(1u, 1'000'000u));
  command->add_option("--timeout", flags->timeoutSeconds, "For load and for each run")
      ->capture_default_str()
      ->type_name("SECONDS")
      ->check(checkTimeout);
  command->add_flag("--json", flags->json, "Print one JSON object");
  flags->browser.addTo(*command);
  command->footer(R"(
Examples:
  webpool run --model all-minilm-l6-v2 "a sentence" "another"
  webpool run --model all-minilm-l6-v2 --backend webgpu --json < texts.txt
  webpool run --model silero-vad --task voice-activity-detection talk.mp3
  webpool run --model ./silero_vad.onnx --inputs in.npz --outputs out.npz)");
  command->callback(
      [flags, &context, &action] { action = [flags, &context] { return run(*flags, context); }; });
}

}  // namespace webpool::cli
