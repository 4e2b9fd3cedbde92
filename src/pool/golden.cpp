#include "pool/golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <utility>

#include "onnx/check_inputs.h"
#include "onnx/json_tensors.h"
#include "pool/signature.h"
#include "pool/task.h"

namespace webpool::pool {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 9> kDtypes{"fp32", "fp16",  "q8",   "int8", "uint8",
                                                  "q4",   "q4f16", "bnb4", "q4_1"};

constexpr const char* kForm =
    R"(an answer is {"inputs": [{"name", "shape", "datatype", "data"}], "outputs": [the same]})";

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCategory::InvalidModel, std::move(message), kForm);
}

/// What the task takes and gives; of raw tensors what the graph does.
onnx::ModelInfo signatureOf(const Task& task, const onnx::ModelInfo& graph) {
  if (task.isRaw()) return graph;
  onnx::ModelInfo signature;
  for (const auto& spec : task.inputs) signature.inputs.push_back(toPort(spec));
  for (const auto& spec : task.outputs) signature.outputs.push_back(toPort(spec));
  return signature;
}

/// Data that is told by a rule is written out.
Result<json::value> writtenOut(const json::value& list) {
  auto all = list;
  auto* tensors = all.if_array();
  if (tensors == nullptr) return all;
  constexpr std::int64_t kMost = 1 << 22;
  for (auto& tensor : *tensors) {
    auto* object = tensor.if_object();
    const auto* step = object != nullptr ? object->if_contains("sine") : nullptr;
    if (step == nullptr) continue;
    const auto* shape = object->if_contains("shape");
    if (!step->is_number() || shape == nullptr || !shape->is_array()) {
      return refuse("\"sine\" is a number, beside a shape");
    }
    std::int64_t count = 1;
    for (const auto& size : shape->get_array()) {
      const auto* number = size.if_int64();
      if (number == nullptr || *number < 1 || *number > kMost)
        return refuse("a shape is no list of sizes");
      count = std::min(count * *number, kMost);
    }
    json::array data;
    const auto by = step->to_number<double>();
    for (std::int64_t i = 0; i < count; ++i) data.push_back(float(std::sin(by * double(i))));
    object->erase("sine");
    (*object)["data"] = std::move(data);
  }
  return all;
}

Result<std::vector<Tensor>> readTensors(const json::value& list, const char* side) {
  auto whole = writtenOut(list);
  if (!whole) return std::unexpected(whole.error());
  const auto text = json::serialize(json::object{{"inputs", std::move(*whole)}});
  auto tensors = onnx::readJsonTensors(text, nullptr);
  if (!tensors) return refuse(fmt::format("\"{}\": {}", side, tensors.error().message));
  return tensors;
}

/// The outputs of which "every" so-many-th value is given, as one dimension.
Result<std::map<std::string, std::size_t>> readEvery(const json::value& outputs) {
  std::map<std::string, std::size_t> every;
  const auto* list = outputs.if_array();
  if (list == nullptr) return every;
  for (const auto& output : *list) {
    const auto* object = output.if_object();
    const auto* step = object != nullptr ? object->if_contains("every") : nullptr;
    if (step == nullptr) continue;
    const auto* number = step->if_int64();
    const auto* name = object->if_contains("name");
    if (number == nullptr || *number < 1 || name == nullptr || !name->is_string()) {
      return refuse("\"every\" is a number from 1 on, of an output with a name");
    }
    every[std::string(name->get_string())] = static_cast<std::size_t>(*number);
  }
  return every;
}

/// Outputs are checked as the inputs of a model that takes them.
Result<void> checkOutputs(const onnx::ModelInfo& signature, const std::vector<Tensor>& outputs,
                          const std::map<std::string, std::size_t>& every, bool all) {
  if (outputs.empty()) return refuse("\"outputs\" is empty");
  for (const auto& port : signature.outputs) {
    if (all && std::ranges::find(outputs, port.name, &Tensor::name) == outputs.end()) {
      return refuse(fmt::format("the output '{}' is missing", port.name));
    }
  }
  for (const auto& tensor : outputs) {
    onnx::ModelInfo taker;
    if (every.contains(tensor.name) && signature.findOutput(tensor.name) != nullptr) continue;
    if (const auto* port = signature.findOutput(tensor.name)) {
      taker.inputs.push_back(*port);
    } else {
      return refuse(fmt::format("the model has no output '{}'", tensor.name));
    }
    if (auto fits = onnx::checkInputs(taker, std::span(&tensor, 1)); !fits) {
      return refuse(fmt::format("\"outputs\": {}", fits.error().message));
    }
  }
  return {};
}

/// The inputs, and the task that they are for: the one that is named, else the one that takes such.
struct Asked {
  const Task* task = nullptr;
  std::vector<Tensor> inputs;
};

Result<Asked> readAsked(const json::object& answer, const json::value& inputs) {
  Asked asked;
  if (const auto* name = answer.if_contains("task")) {
    asked.task = name->is_string() ? findTask(name->get_string()) : nullptr;
    if (asked.task == nullptr) return refuse("\"task\" is none that is known");
  }
  if (const auto* text = inputs.if_string()) {
    if (*text != "sample" || asked.task == nullptr || asked.task->isRaw()) {
      return refuse(R"("inputs" is a list, or "sample" where the answer names its "task")");
    }
    asked.inputs = asked.task->sample;
    return asked;
  }
  auto given = readTensors(inputs, "inputs");
  if (!given) return std::unexpected(given.error());
  if (asked.task == nullptr) asked.task = &taskTaking(*given);
  asked.inputs = std::move(*given);
  return asked;
}

/// Appends the answer if it is one for the task.
Result<void> readAnswer(const json::value& value, std::string_view task,
                        const onnx::ModelInfo& graph, std::string_view component,
                        std::vector<Golden>& answers) {
  const auto* object = value.if_object();
  if (object == nullptr) return refuse("an answer is no JSON object");
  const auto* of = object->if_contains("component");
  if (of != nullptr && (!of->is_string() || of->get_string() != component)) return {};
  const auto* inputs = object->if_contains("inputs");
  const auto* outputs = object->if_contains("outputs");
  if (inputs == nullptr || outputs == nullptr) {
    return refuse(fmt::format("an answer has no \"{}\"", inputs == nullptr ? "inputs" : "outputs"));
  }
  auto asked = readAsked(*object, *inputs);
  if (!asked) return std::unexpected(asked.error());
  auto expected = readTensors(*outputs, "outputs");
  if (!expected) return std::unexpected(expected.error());
  // One graph of several runs as it is, whatever task leads to it.
  if (of != nullptr ? !asked->task->isRaw() || !taskOf(task).isRaw() : asked->task->name != task) {
    return {};
  }
  const auto signature = signatureOf(*asked->task, graph);
  if (auto fits = onnx::checkInputs(signature, asked->inputs); !fits) {
    return refuse(fmt::format("\"inputs\": {}", fits.error().message));
  }
  // Of a task that gives several outputs some are enough; a graph's are all needed.
  const bool all = asked->task->isRaw();
  auto every = readEvery(*outputs);
  if (!every) return std::unexpected(every.error());
  if (auto fits = checkOutputs(signature, *expected, *every, all); !fits) return fits;
  Golden golden{std::move(asked->inputs), std::move(*expected), {}, std::move(*every)};
  if (const auto* parameters = object->if_contains("parameters")) {
    if (!parameters->is_object()) return refuse("\"parameters\" is no JSON object");
    golden.parameters = parameters->get_object();
  }
  answers.push_back(std::move(golden));
  return {};
}

}  // namespace

Result<std::vector<Golden>> readGolden(std::string_view text, std::string_view dtype,
                                       std::string_view task, const onnx::ModelInfo& graph,
                                       std::string_view component) {
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  if (error) return refuse(fmt::format("it is no JSON ({})", error.message()));
  const auto* chosen = &value;
  if (const auto* byDtype = value.if_object();
      byDtype != nullptr && !byDtype->contains("inputs") && !byDtype->contains("outputs")) {
    for (const auto& entry : *byDtype) {
      if (std::ranges::find(kDtypes, std::string_view(entry.key())) == kDtypes.end()) {
        return refuse(fmt::format("'{}' is no dtype", std::string_view(entry.key())));
      }
    }
    chosen = byDtype->if_contains(dtype);
    if (chosen == nullptr) return std::vector<Golden>{};
  }
  std::vector<Golden> answers;
  const auto* list = chosen->if_array();
  if (list == nullptr) {
    if (auto read = readAnswer(*chosen, task, graph, component, answers); !read) {
      return std::unexpected(read.error());
    }
    return answers;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (auto read = readAnswer((*list)[i], task, graph, component, answers); !read) {
      return refuse(fmt::format("answer {}: {}", i + 1, read.error().message));
    }
  }
  return answers;
}

std::vector<Tensor> comparable(std::vector<Tensor> answer, const Golden& golden) {
  std::erase_if(answer, [&](const Tensor& output) {
    return std::ranges::find(golden.outputs, output.name, &Tensor::name) == golden.outputs.end();
  });
  for (auto& output : answer) {
    const auto step = golden.every.find(output.name);
    if (step == golden.every.end() || output.type != DataType::Fp32) continue;
    const auto all = output.as<float>();
    std::vector<float> some;
    for (std::size_t i = 0; i < all.size(); i += step->second) some.push_back(all[i]);
    output = Tensor::of<float>(output.name, DataType::Fp32,
                               {static_cast<std::int64_t>(some.size())}, some);
  }
  return answer;
}

std::vector<std::string> goldenPaths(const std::string& graphPath) {
  const std::filesystem::path graph(graphPath);
  const auto folder = graph.parent_path();
  std::vector<std::string> paths{(folder / graph.stem()).native() + ".golden.json",
                                 (folder / "golden.json").native()};
  if (!folder.empty()) paths.emplace_back("golden.json");
  return paths;
}

}  // namespace webpool::pool
