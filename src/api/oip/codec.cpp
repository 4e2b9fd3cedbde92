#include "api/oip/codec.h"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "api/oip/classes.h"
#include "onnx/json_tensors.h"
#include "onnx/json_values.h"

namespace webpool::api::oip {
namespace {

namespace json = boost::json;
using onnx::JsonKind;
using onnx::JsonNodes;

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCategory::InvalidInput, std::move(message));
}

/// The object behind that key; 0 where there is none.
std::uint32_t objectIn(const JsonNodes& nodes, std::uint32_t node, std::string_view key) {
  const auto found = nodes.find(node, key);
  return found != 0 && nodes.kind(found) == JsonKind::Object ? found : 0;
}

json::value valueOf(const JsonNodes& nodes, std::uint32_t node) {
  switch (nodes.kind(node)) {
    case JsonKind::Null:
      return nullptr;
    case JsonKind::False:
      return false;
    case JsonKind::True:
      return true;
    case JsonKind::Number:
      return json::parse(nodes.text(node));
    case JsonKind::Array: {
      json::array list;
      nodes.forEachChild(node, [&](std::uint32_t child) { list.push_back(valueOf(nodes, child)); });
      return list;
    }
    case JsonKind::Object: {
      json::object object;
      const auto end = nodes.next(node);
      for (auto key = node + 1; key < end; key = nodes.next(key + 1)) {
        object[nodes.text(key)] = valueOf(nodes, key + 1);
      }
      return object;
    }
    default:
      return json::string(nodes.text(node));
  }
}

/// What is not read must not be left out.
Result<void> refuseUnknown(const JsonNodes& nodes, std::uint32_t object, std::string_view where,
                           std::span<const std::string_view> known) {
  const auto end = nodes.next(object);
  for (auto key = object + 1; key < end; key = nodes.next(key + 1)) {
    if (std::ranges::find(known, nodes.text(key)) != known.end()) continue;
    if (nodes.kind(key + 1) == JsonKind::Null) continue;
    return fail(ErrorCategory::InvalidInput,
                fmt::format("{}{}: there is no such field", where, nodes.text(key)),
                fmt::format("leave it out; there are {}", fmt::join(known, ", ")));
  }
  return {};
}

/// An object, or nothing.
Result<void> checkParameters(const JsonNodes& nodes, std::uint32_t owner, std::string_view where) {
  const auto found = nodes.find(owner, "parameters");
  if (found == 0 || nodes.kind(found) == JsonKind::Object || nodes.kind(found) == JsonKind::Null) {
    return {};
  }
  return wrong(fmt::format("{}parameters: no object", where));
}

/// Of the request, an input or an output: its fields are those of the protocol.
Result<void> checkFields(const JsonNodes& nodes, std::uint32_t object, std::string_view where,
                         std::span<const std::string_view> known) {
  if (auto fits = refuseUnknown(nodes, object, where, known); !fits) return fits;
  return checkParameters(nodes, object, where);
}

constexpr auto kRequestFields =
    std::to_array<std::string_view>({"id", "inputs", "outputs", "parameters"});
constexpr auto kInputFields =
    std::to_array<std::string_view>({"name", "shape", "datatype", "data", "parameters"});
constexpr auto kOutputFields = std::to_array<std::string_view>({"name", "parameters"});

/// The next bytes behind the JSON are its data.
Result<Tensor> binaryTensor(const JsonNodes& nodes, std::uint32_t input, std::uint32_t sizeNode,
                            Bytes& rest) {
  boost::system::error_code error;
  const auto size = valueOf(nodes, sizeNode).to_number<std::uint64_t>(error);
  if (error || size > rest.size()) {
    return wrong("binary_data_size is more than the request holds");
  }
  auto tensor = onnx::readJsonTensorHead(nodes, input);
  if (!tensor) return tensor;
  tensor->data = rest.slice(0, size);
  rest = rest.slice(size, rest.size());
  if (auto valid = tensor->validate(); !valid) return std::unexpected(valid.error());
  return tensor;
}

/// An input's are about its bytes: to leave out where they lie would be another input.
Result<void> checkInputParameters(const JsonNodes& nodes, std::uint32_t parameters) {
  const auto end = parameters == 0 ? 0 : nodes.next(parameters);
  for (auto key = parameters + 1; key < end; key = nodes.next(key + 1)) {
    if (nodes.text(key) == "binary_data_size") continue;
    return wrong(fmt::format("an input's parameter {} is not supported", nodes.text(key)));
  }
  return {};
}

Result<std::vector<Tensor>> readInputs(const JsonNodes& nodes, std::uint32_t inputs, Bytes rest) {
  std::vector<Tensor> tensors;
  bool anyBinary = false;
  const auto end = nodes.next(inputs);
  for (auto input = inputs + 1; input < end; input = nodes.next(input)) {
    if (nodes.kind(input) != JsonKind::Object) return wrong("an input is no object");
    if (auto fits = checkFields(nodes, input, "an input's ", kInputFields); !fits) {
      return std::unexpected(fits.error());
    }
    const auto parameters = objectIn(nodes, input, "parameters");
    const auto size = parameters == 0 ? 0 : nodes.find(parameters, "binary_data_size");
    if (auto known = checkInputParameters(nodes, parameters); !known) {
      return std::unexpected(known.error());
    }
    anyBinary = anyBinary || size != 0;
    auto tensor =
        size == 0 ? onnx::readJsonTensor(nodes, input) : binaryTensor(nodes, input, size, rest);
    if (!tensor) return std::unexpected(tensor.error());
    tensors.push_back(std::move(*tensor));
  }
  if (!rest.empty()) {
    return wrong(anyBinary ? "more bytes follow the JSON than the inputs claim"
                           : "bytes follow the JSON that no input claims");
  }
  if (const auto name = onnx::nameGivenTwice(tensors)) {
    return wrong(fmt::format("input '{}' is given twice", *name));
  }
  return tensors;
}

Result<void> readParameters(json::object given, InferRequest& request) {
  if (const auto* binary = given.if_contains("binary_data_output")) {
    if (!binary->is_bool()) return wrong("parameters.binary_data_output: neither true nor false");
    request.binaryOutputs = binary->get_bool();
    given.erase("binary_data_output");
  }
  auto schedule = takeSchedule(given);
  if (!schedule) return std::unexpected(schedule.error());
  request.schedule = std::move(*schedule);
  request.parameters = std::move(given);
  return {};
}

/// What is asked of one output; nothing is left out unsaid.
Result<void> readOutputParameters(const JsonNodes& nodes, std::uint32_t parameters,
                                  RequestedOutput& asked) {
  const auto end = nodes.next(parameters);
  for (auto key = parameters + 1; key < end; key = nodes.next(key + 1)) {
    const auto value = nodes.kind(key + 1);
    if (nodes.text(key) == "classification") {
      boost::system::error_code error;
      asked.classes = valueOf(nodes, key + 1).to_number<std::uint64_t>(error);
      if (!error) continue;
      return wrong(
          fmt::format("output '{}': classification is no whole number from 0 on: how many "
                      "classes are wanted",
                      asked.name));
    }
    if (nodes.text(key) != "binary_data") {
      return wrong(fmt::format("output '{}': the parameter {} is not supported", asked.name,
                               nodes.text(key)));
    }
    if (value != JsonKind::True && value != JsonKind::False) {
      return wrong(fmt::format("output '{}': binary_data is neither true nor false", asked.name));
    }
    asked.binary = value == JsonKind::True;
  }
  return {};
}

Result<void> readOutputs(const JsonNodes& nodes, std::uint32_t list,
                         std::vector<RequestedOutput>& outputs) {
  if (nodes.kind(list) != JsonKind::Array) return wrong("outputs is no list");
  const auto end = nodes.next(list);
  for (auto output = list + 1; output < end; output = nodes.next(output)) {
    const auto name = nodes.find(output, "name");
    if (name == 0 || !nodes.isString(name)) return wrong("an output needs a name");
    if (auto fits = checkFields(nodes, output, "an output's ", kOutputFields); !fits) return fits;
    auto& asked = outputs.emplace_back(RequestedOutput{std::string(nodes.text(name))});
    const auto parameters = objectIn(nodes, output, "parameters");
    if (parameters == 0) continue;
    if (auto read = readOutputParameters(nodes, parameters, asked); !read) return read;
  }
  return {};
}

void appendField(std::string_view name, std::string_view value, std::string& out) {
  out.append(",\"").append(name).append("\":");
  onnx::appendJsonString(value, out);
}

void appendField(std::string_view name, double value, std::string& out) {
  out.append(",\"").append(name).append("\":");
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::array<char, 32> digits;
  const auto* const end = fmt::format_to(digits.data(), FMT_COMPILE("{}"), value);
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

/// What really ran: browser, backend, adapter, dtype, times. An earlier answer has no times of a
/// run.
void appendRan(const Inference& inference, std::string_view loweredFrom, std::string& out) {
  const auto& ranOn = inference.ranOn;
  const auto& timings = inference.timings;
  out += "{\"browser\":";
  onnx::appendJsonString(ranOn.browser, out);
  appendField("connection", ranOn.connection, out);
  appendField("backend", ranOn.label, out);
  appendField("dtype", ranOn.dtype, out);
  if (!loweredFrom.empty()) appendField("lowered_from", loweredFrom, out);
  if (inference.cached) {
    out += ",\"cached\":true";
  } else {
    appendField("queue_ms", timings.queueMs, out);
    appendField("run_ms", timings.runMs, out);
  }
  appendField("total_ms", timings.totalMs, out);
  if (ranOn.adapter) appendField("adapter", ranOn.adapter->label(), out);
  out += '}';
}

Result<void> appendOutput(const Tensor& tensor, bool binary, std::string& out) {
  if (!binary) return onnx::appendJsonTensor(tensor, out);
  if (auto begun = onnx::appendJsonTensorHead(tensor, out); !begun) return begun;
  fmt::format_to(std::back_inserter(out), ",\"parameters\":{{\"binary_data_size\":{}}}}}",
                 tensor.data.size());
  return {};
}

json::array specs(const std::vector<TensorSpec>& specs) {
  json::array list;
  for (const auto& spec : specs) {
    list.push_back(json::object{{"name", spec.name},
                                {"datatype", dataTypeName(spec.type)},
                                {"shape", json::array(spec.shape.begin(), spec.shape.end())}});
  }
  return list;
}

json::array configSpecs(const std::vector<TensorSpec>& specs) {
  json::array list;
  for (const auto& spec : specs) {
    const auto type = spec.type == DataType::Bytes ? "STRING" : dataTypeName(spec.type);
    list.push_back(json::object{{"name", spec.name},
                                {"data_type", fmt::format("TYPE_{}", type)},
                                {"dims", json::array(spec.shape.begin(), spec.shape.end())}});
  }
  return list;
}

/// What the answer gives, and whether in binary.
Result<std::vector<std::pair<Tensor, bool>>> chosenOutputs(const InferRequest& request,
                                                           const Inference& inference,
                                                           std::span<const std::string> labels) {
  std::vector<std::pair<Tensor, bool>> chosen;
  for (const auto& asked : request.outputs) {
    const auto found = std::ranges::find(inference.outputs, asked.name, &Tensor::name);
    if (found == inference.outputs.end()) {
      return wrong(fmt::format("the model has no output '{}'", asked.name));
    }
    auto tensor =
        asked.classes > 0 ? topClasses(*found, asked.classes, labels) : Result<Tensor>(*found);
    if (!tensor) return std::unexpected(tensor.error());
    chosen.emplace_back(std::move(*tensor), asked.binary.value_or(request.binaryOutputs));
  }
  if (request.outputs.empty()) {
    for (const auto& tensor : inference.outputs) {
      chosen.emplace_back(tensor, request.binaryOutputs);
    }
  }
  return chosen;
}

}  // namespace

Result<InferRequest> parseInfer(const Bytes& body, std::string_view headerLength) {
  auto length = body.size();
  if (!headerLength.empty()) {
    const auto* const end = headerLength.data() + headerLength.size();
    const auto [stop, error] = std::from_chars(headerLength.data(), end, length);
    if (error != std::errc() || stop != end || length > body.size()) {
      return wrong("Inference-Header-Content-Length is no length within the body");
    }
  }
  const auto text = body.text().substr(0, length);
  const auto nodes = JsonNodes::parse(text);
  if (!nodes) return wrong("the request is no JSON object: " + nodes.error().message);
  if (nodes->kind(0) != JsonKind::Object) return wrong("the request is no JSON object");
  if (auto fits = checkFields(*nodes, 0, "", kRequestFields); !fits) {
    return std::unexpected(fits.error());
  }
  InferRequest request;
  if (const auto id = nodes->find(0, "id")) {
    if (!nodes->isString(id)) return wrong("the id is no string");
    request.id = nodes->text(id);
  }
  const auto inputs = nodes->find(0, "inputs");
  if (inputs == 0 || nodes->kind(inputs) != JsonKind::Array) {
    return wrong("the request has no list of inputs");
  }
  auto tensors = readInputs(*nodes, inputs, body.slice(length, body.size() - length));
  if (!tensors) return std::unexpected(tensors.error());
  request.inputs = std::move(*tensors);
  if (const auto parameters = objectIn(*nodes, 0, "parameters")) {
    auto read = readParameters(std::move(valueOf(*nodes, parameters).get_object()), request);
    if (!read) return std::unexpected(read.error());
  }
  const auto outputs = nodes->find(0, "outputs");
  if (outputs == 0) return request;
  if (auto read = readOutputs(*nodes, outputs, request.outputs); !read) {
    return std::unexpected(read.error());
  }
  return request;
}

Result<InferAnswer> writeInfer(std::string_view model, const InferRequest& request,
                               const Inference& inference, std::span<const std::string> labels,
                               std::string_view loweredFrom) {
  const auto outputs = chosenOutputs(request, inference, labels);
  if (!outputs) return std::unexpected(outputs.error());
  const auto& chosen = *outputs;
  InferAnswer answer;
  auto& out = answer.body;
  out.reserve(512);
  out += "{\"model_name\":";
  onnx::appendJsonString(model, out);
  out += ",\"model_version\":\"1\"";
  if (!request.id.empty()) appendField("id", request.id, out);
  out += ",\"parameters\":";
  appendRan(inference, loweredFrom, out);
  out += ",\"outputs\":[";
  std::size_t bytes = 0;
  bool anyBinary = false;
  for (const auto& [tensor, binary] : chosen) {
    if (out.back() != '[') out += ',';
    if (auto written = appendOutput(tensor, binary, out); !written) {
      return std::unexpected(written.error());
    }
    anyBinary = anyBinary || binary;
    if (binary) bytes += tensor.data.size();
  }
  out += "]}";
  if (!anyBinary) return answer;
  answer.headerLength = answer.body.size();
  answer.body.reserve(answer.body.size() + bytes);
  for (const auto& [tensor, binary] : chosen) {
    if (binary) answer.body += tensor.data.text();
  }
  return answer;
}

json::object metadata(std::string_view name, const ModelInfo& info) {
  json::object parameters{{"task", info.task}, {"dtype", info.dtype}, {"cid", info.cid}};
  if (!info.loweredFrom.empty()) parameters["lowered_from"] = info.loweredFrom;
  return {{"name", name},
          {"versions", json::array{"1"}},
          {"platform", info.language ? "llama.cpp_gguf" : "onnxruntime_onnx"},
          {"inputs", specs(info.inputs)},
          {"outputs", specs(info.outputs)},
          {"parameters", std::move(parameters)}};
}

json::object config(std::string_view name, const ModelInfo& info) {
  // 0: what the first dimension of a shape means is the model's own matter.
  return {{"name", name},
          {"platform", info.language ? "llama.cpp_gguf" : "onnxruntime_onnx"},
          {"backend", info.language ? "llama.cpp" : "onnxruntime"},
          {"max_batch_size", 0},
          {"input", configSpecs(info.inputs)},
          {"output", configSpecs(info.outputs)}};
}

}  // namespace webpool::api::oip
