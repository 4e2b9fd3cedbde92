#include "pool/task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "pool/texts.h"

namespace webpool::pool {
namespace {

/// A second of a rising tone at 16 kHz: something that a model of speech has to think about.
Tensor sampleSound() {
  constexpr double kRate = 16'000;
  std::vector<float> samples;
  for (int i = 0; i < static_cast<int>(kRate); ++i) {
    const auto at = i / kRate;
    const auto phase = 2 * std::numbers::pi * (150 + 400 * at) * at;
    samples.push_back(static_cast<float>(0.3 * std::sin(phase) * std::sin(12 * at)));
  }
  return Tensor::of<float>("audio", DataType::Fp32, {static_cast<std::int64_t>(samples.size())},
                           samples);
}

/// A question with one answer.
Tensor sampleMessages() {
  const std::string question = R"({"role":"user","content":"What is the capital of France?"})";
  auto tensor = textTensor(std::span(&question, 1));
  tensor.name = "messages";
  return tensor;
}

const std::vector<Task>& tasks() {
  static const std::vector<Task> all{
      {.name = "tensors",
       .inputs = {},
       .outputs = {},
       .needsFile = {},
       .parameters = {},
       .sample = {}},
      {.name = "text-embedding",
       .inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}},
       .outputs = {{"embedding", DataType::Fp32, {-1, -1}, {"n", "dimensions"}, true}},
       .needsFile = "tokenizer.json",
       .parameters = embeddingParameters(),
       .sample = sampleTexts()},
      {.name = "text-generation",
       .inputs = {{"messages", DataType::Bytes, {-1}, {"messages"}, true}},
       .outputs = {{"text", DataType::Bytes, {1}, {""}, true},
                   {"tokens", DataType::Int64, {-1}, {"tokens"}, true}},
       .needsFile = {},
       .parameters = {{"max_tokens", 16}, {"temperature", 0}, {"return_tokens", true}},
       .sample = {sampleMessages()}},
      {.name = "voice-activity-detection",
       .inputs = {{"audio", DataType::Fp32, {-1}, {"samples"}, true}},
       .outputs = {{"probability", DataType::Fp32, {-1}, {"frames"}, true}},
       .needsFile = {},
       .parameters = {},
       .sample = {sampleSound()}},
  };
  return all;
}

}  // namespace

const Task* findTask(std::string_view name) {
  const auto found = std::ranges::find(tasks(), name, &Task::name);
  return found == tasks().end() ? nullptr : &*found;
}

const Task& taskOf(std::string_view name) {
  const auto* task = findTask(name);
  if (task == nullptr) throw std::logic_error(fmt::format("no task '{}'", name));
  return *task;
}

Result<boost::json::object> runParameters(std::string_view task, const RunOptions& options) {
  auto parameters = taskOf(task).parameters;
  if (!options.parameters.empty()) {
    boost::system::error_code error;
    auto given = boost::json::parse(options.parameters, error);
    if (error || !given.is_object()) {
      return fail(ErrorCategory::InvalidArgument, "the run's parameters are no JSON object",
                  "docs/protocol.md lists those of each task");
    }
    parameters = std::move(given.get_object());
  }
  if (!options.conversation.empty()) parameters["conversation"] = options.conversation;
  return parameters;
}

std::string taskNames() {
  std::vector<std::string_view> names;
  for (const auto& task : tasks()) names.push_back(task.name);
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
  const auto found = std::ranges::find_if(tasks(), takes);
  return found == tasks().end() ? tasks().front() : *found;
}

}  // namespace webpool::pool
