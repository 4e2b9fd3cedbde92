#include "pool/task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "pool/texts.h"
#include "tasks/log_mel.h"
#include "tasks/whisper_rules.h"
#include "wire/utf8.h"

namespace webpool::pool {
namespace {

/// A second of a rising tone at 16 kHz: something that a model of speech has to think about.
std::vector<float> risingTone() {
  constexpr double kRate = 16'000;
  std::vector<float> samples;
  for (int i = 0; i < static_cast<int>(kRate); ++i) {
    const auto at = i / kRate;
    const auto phase = 2 * std::numbers::pi * (150 + 400 * at) * at;
    samples.push_back(static_cast<float>(0.3 * std::sin(phase) * std::sin(12 * at)));
  }
  return samples;
}

Tensor sampleSound() {
  const auto samples = risingTone();
  return Tensor::of<float>("audio", DataType::Fp32, {static_cast<std::int64_t>(samples.size())},
                           samples);
}

/// One of the two is the model's mask, whatever its vocabulary.
std::vector<Tensor> sampleMask() {
  const std::string sample = "Paris is the [MASK] <mask> of France.";
  return {textTensor(std::span(&sample, 1))};
}

/// A question with one answer.
Tensor sampleMessages() {
  const std::string question = R"({"role":"user","content":"What is the capital of France?"})";
  auto tensor = textTensor(std::span(&question, 1));
  tensor.name = "messages";
  return tensor;
}

/// The same tone as Whisper hears it.
Tensor sampleFeatures() {
  const tasks::LogMel mel;
  return Tensor::of<float>("input_features", DataType::Fp32,
                           {1, static_cast<std::int64_t>(mel.bands()), tasks::kMelFrames},
                           mel.of(risingTone()));
}

Result<boost::json::object> whisperDefaults(std::string_view generationConfig) {
  const auto rules = tasks::readWhisperRules(generationConfig);
  if (!rules) return std::unexpected(rules.error());
  return tasks::whisperParameters(*rules, {});
}

}  // namespace

std::span<const Task> knownTasks() {
  static const std::vector<Task> all{
      {.name = "tensors",
       .engine = {},
       .component = {},
       .inputs = {},
       .outputs = {},
       .graphs = {},
       .needsFile = {},
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = {}},
      {.name = "text-embedding",
       .engine = {},
       .component = {},
       .inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}},
       .outputs = {{"embedding", DataType::Fp32, {-1, -1}, {"n", "dimensions"}, true}},
       .graphs = {},
       .needsFile = "tokenizer.json",
       .parameters = embeddingParameters(),
       .parametersFrom = nullptr,
       .sample = sampleTexts()},
      {.name = "text-classification",
       .engine = {},
       .component = {},
       .inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}},
       .outputs = {{"logits", DataType::Fp32, {-1, -1}, {"n", "labels"}, true}},
       .graphs = {},
       .needsFile = "tokenizer.json",
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = sampleTexts()},
      {.name = "token-classification",
       .engine = {},
       .component = {},
       .inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}},
       .outputs = {{"logits", DataType::Fp32, {-1, -1}, {"tokens", "labels"}, true},
                   {"text", DataType::Int64, {-1}, {"tokens"}, true},
                   {"offsets", DataType::Int64, {-1, 2}, {"tokens", ""}, true},
                   {"tokens", DataType::Bytes, {-1}, {"tokens"}, true}},
       .graphs = {},
       .needsFile = "tokenizer.json",
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = sampleTexts()},
      {.name = "fill-mask",
       .engine = {},
       .component = {},
       .inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}},
       .outputs = {{"logits", DataType::Fp32, {-1, -1}, {"masks", "vocabulary"}, true},
                   {"text", DataType::Int64, {-1}, {"masks"}, true}},
       .graphs = {},
       .needsFile = "tokenizer.json",
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = sampleMask()},
      {.name = "feature-extraction",
       .engine = {},
       .component = {},
       .inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}},
       .outputs = {{"states", DataType::Fp32, {-1, -1}, {"tokens", "dimensions"}, true},
                   {"text", DataType::Int64, {-1}, {"tokens"}, true},
                   {"offsets", DataType::Int64, {-1, 2}, {"tokens", ""}, true},
                   {"tokens", DataType::Bytes, {-1}, {"tokens"}, true}},
       .graphs = {},
       .needsFile = "tokenizer.json",
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = sampleTexts()},
      {.name = "text-projection",
       .engine = {},
       .component = {},
       .inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}},
       .outputs = {{"text_embeds", DataType::Fp32, {-1, -1}, {"n", "dimensions"}, true}},
       .graphs = {},
       .needsFile = "tokenizer.json",
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = sampleTexts()},
      {.name = "text-generation",
       .engine = {},
       .component = {},
       .inputs = {{"messages", DataType::Bytes, {-1}, {"messages"}, true}},
       .outputs = {{"text", DataType::Bytes, {1}, {""}, true},
                   {"tokens", DataType::Int64, {-1}, {"tokens"}, true}},
       .graphs = {},
       .needsFile = {},
       .parameters = {{"max_tokens", 16}, {"temperature", 0}, {"return_tokens", true}},
       .parametersFrom = nullptr,
       .sample = {sampleMessages()}},
      {.name = "automatic-speech-recognition",
       .engine = {},
       .component = {},
       .inputs = {{"input_features", DataType::Fp32, {1, -1, 3000}, {"", "bands", ""}, true}},
       .outputs = {{"tokens", DataType::Int64, {-1}, {"tokens"}, true},
                   {"logprobs", DataType::Fp32, {-1}, {"tokens"}, true},
                   {"languages", DataType::Fp32, {-1}, {"languages"}, true},
                   {"no_speech", DataType::Fp32, {1}, {""}, true}},
       .graphs = {"encoder_model", "decoder_model_merged"},
       .needsFile = "generation_config.json",
       .parameters = {},
       .parametersFrom = whisperDefaults,
       .sample = {sampleFeatures()}},
      {.name = "file-type-detection",
       .engine = "tensors",
       .component = {},
       .inputs = {},
       .outputs = {},
       .graphs = {},
       .needsFile = "content_types_kb.min.json",
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = {}},
      {.name = "image-classification",
       .engine = "tensors",
       .component = {},
       .inputs = {},
       .outputs = {},
       .graphs = {},
       .needsFile = "preprocessor_config.json",
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = {}},
      {.name = "multimodal-embedding",
       .engine = "tensors",
       .component = "vision_model",
       .inputs = {},
       .outputs = {},
       .graphs = {},
       .needsFile = "preprocessor_config.json",
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = {}},
      {.name = "optical-character-recognition",
       .engine = "tensors",
       .component = "det",
       .inputs = {},
       .outputs = {},
       .graphs = {},
       .needsFile = {},
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = {}},
      {.name = "voice-activity-detection",
       .engine = {},
       .component = {},
       .inputs = {{"audio", DataType::Fp32, {-1}, {"samples"}, true}},
       .outputs = {{"probability", DataType::Fp32, {-1}, {"frames"}, true}},
       .graphs = {},
       .needsFile = {},
       .parameters = {},
       .parametersFrom = nullptr,
       .sample = {sampleSound()}},
  };
  return all;
}

const Task* findTask(std::string_view name) {
  const auto all = knownTasks();
  const auto found = std::ranges::find(all, name, &Task::name);
  return found == all.end() ? nullptr : &*found;
}

const Task& taskOf(std::string_view name) {
  const auto* task = findTask(name);
  if (task == nullptr) throw std::logic_error(fmt::format("no task '{}'", name));
  return *task;
}

Result<boost::json::object> runParameters(const RunOptions& options,
                                          const boost::json::object& own) {
  auto parameters = own;
  if (!options.parameters.empty()) {
    boost::system::error_code error;
    auto given = boost::json::parse(options.parameters, error);
    if (error || !given.is_object()) {
      return fail(ErrorCategory::InvalidArgument, "the run's parameters are no JSON object",
                  "docs/protocol.md lists those of each task");
    }
    parameters = std::move(given.get_object());
  }
  if (!wire::isValidUtf8(options.conversation)) {
    return fail(ErrorCategory::InvalidArgument, "the conversation's name is not valid UTF-8");
  }
  if (!options.conversation.empty()) parameters["conversation"] = options.conversation;
  return parameters;
}

std::string taskNames() {
  std::vector<std::string_view> names;
  for (const auto& task : knownTasks()) names.push_back(task.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

const Task& taskTaking(std::span<const Tensor> inputs) {
  const auto takes = [&](const Task& task) {
    return !task.isRaw() && task.inputs.size() == inputs.size() &&
           std::ranges::all_of(task.inputs, [&](const TensorSpec& spec) {
             const auto found = std::ranges::find(inputs, spec.name, &Tensor::name);
             return found != inputs.end() && found->type == spec.type;
           });
  };
  const auto all = knownTasks();
  const auto found = std::ranges::find_if(all, takes);
  return found == all.end() ? all.front() : *found;
}

}  // namespace webpool::pool
