#include "api/oip/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <span>
#include <utility>

#include "onnx/json_tensors.h"

namespace webpool::api::oip {
namespace {

namespace json = boost::json;

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCategory::InvalidInput, std::move(message));
}

const json::object* objectIn(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

std::optional<std::uint64_t> numberIn(const json::object* object, std::string_view key) {
  const auto* value = object == nullptr ? nullptr : object->if_contains(key);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto number = value->to_number<std::uint64_t>(error);
  return error ? std::nullopt : std::optional(number);
}

std::optional<bool> boolIn(const json::object* object, std::string_view key) {
  const auto* value = object == nullptr ? nullptr : object->if_contains(key);
  const auto* flag = value == nullptr ? nullptr : value->if_bool();
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

Result<Tensor> binaryTensor(const json::object& input, Bytes data) {
  const auto* name = input.if_contains("name");
  const auto* type = input.if_contains("datatype");
  const auto* shape = input.if_contains("shape");
  if (name == nullptr || !name->is_string() || type == nullptr || !type->is_string() ||
      shape == nullptr || !shape->is_array()) {
    return wrong("an input needs name, shape and datatype");
  }
  Tensor tensor;
  tensor.name = name->get_string();
  const auto known = dataTypeFromName(type->get_string());
  if (!known) return wrong(fmt::format("input '{}' has an unknown datatype", tensor.name));
  tensor.type = *known;
  for (const auto& dimension : shape->get_array()) {
    boost::system::error_code error;
    const auto number = dimension.to_number<std::int64_t>(error);
    if (error || number < 0) return wrong(fmt::format("the shape of '{}' is none", tensor.name));
    tensor.shape.push_back(number);
  }
  tensor.data = std::move(data);
  if (auto valid = tensor.validate(); !valid) return std::unexpected(valid.error());
  return tensor;
}

Result<void> readInputs(const json::array& inputs, const Bytes& binary, std::string_view text,
                        std::vector<Tensor>& tensors) {
  std::size_t at = 0;
  bool anyBinary = false;
  for (const auto& value : inputs) {
    const auto* input = value.if_object();
    if (input == nullptr) return wrong("an input is no object");
    const auto* parameters = objectIn(*input, "parameters");
    anyBinary = anyBinary || (parameters != nullptr && parameters->contains("binary_data_size"));
  }
  if (!anyBinary) {
    if (!binary.empty()) return wrong("bytes follow the JSON that no input claims");
    auto read = onnx::readJsonTensors(text, nullptr);
    if (!read) return std::unexpected(read.error());
    tensors = std::move(*read);
    return {};
  }
  for (const auto& value : inputs) {
    const auto& input = value.get_object();
    const auto* parameters = objectIn(input, "parameters");
    if (parameters == nullptr || !parameters->contains("binary_data_size")) {
      const auto one = json::serialize(json::object{{"inputs", json::array{input}}});
      auto read = onnx::readJsonTensors(one, nullptr);
      if (!read) return std::unexpected(read.error());
      tensors.push_back(std::move(read->front()));
      continue;
    }
    const auto size = numberIn(parameters, "binary_data_size");
    if (!size || *size > binary.size() - at) {
      return wrong("binary_data_size is more than the request holds");
    }
    auto tensor = binaryTensor(input, binary.slice(at, *size));
    if (!tensor) return std::unexpected(tensor.error());
    at += *size;
    tensors.push_back(std::move(*tensor));
  }
  if (at != binary.size()) return wrong("more bytes follow the JSON than the inputs claim");
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (tensors[i].name == tensors[j].name) {
        return wrong(fmt::format("input '{}' is given twice", tensors[i].name));
      }
    }
  }
  return {};
}

std::string entryOf(const Tensor& tensor, bool binary, Result<std::string>& failed) {
  if (binary) {
    json::array shape(tensor.shape.begin(), tensor.shape.end());
    return json::serialize(
        json::object{{"name", tensor.name},
                     {"shape", std::move(shape)},
                     {"datatype", dataTypeName(tensor.type)},
                     {"parameters", {{"binary_data_size", tensor.data.size()}}}});
  }
  auto text = onnx::writeJsonTensors("", std::span(&tensor, 1));
  if (!text) {
    failed = std::move(text);
    return {};
  }
  constexpr std::string_view kBefore = "{\"model_name\":\"\",\"outputs\":[";
  return text->substr(kBefore.size(), text->size() - kBefore.size() - 2);
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
  boost::system::error_code error;
  // What is kept of it is copied, so that most requests are read without asking the heap.
  std::array<unsigned char, 4096> room;
  json::monotonic_resource inRoom(room.data(), room.size());
  const auto parsed = json::parse(text, error, &inRoom);
  if (error || !parsed.is_object()) {
    return wrong("the request is no JSON object" + (error ? ": " + error.message() : ""));
  }
  const auto& object = parsed.get_object();
  InferRequest request;
  if (const auto* id = object.if_contains("id")) {
    if (!id->is_string()) return wrong("the id is no string");
    request.id = id->get_string();
  }
  const auto* inputs = object.if_contains("inputs");
  if (inputs == nullptr || !inputs->is_array()) return wrong("the request has no list of inputs");
  if (auto read = readInputs(inputs->get_array(), body.slice(length, body.size() - length), text,
                             request.inputs);
      !read) {
    return std::unexpected(read.error());
  }
  if (const auto* parameters = objectIn(object, "parameters")) {
    request.parameters = *parameters;
    request.binaryOutputs = boolIn(parameters, "binary_data_output").value_or(false);
    request.priority = numberIn(parameters, "priority").value_or(0);
    if (const auto timeout = numberIn(parameters, "timeout"); timeout && *timeout > 0) {
      constexpr std::uint64_t kDay = 86'400'000'000;
      request.timeout = std::chrono::microseconds(std::min(*timeout, kDay));
    }
    for (const auto* ours : {"binary_data_output", "priority", "timeout"}) {
      request.parameters.erase(ours);
    }
  }
  const auto* outputs = object.if_contains("outputs");
  if (outputs == nullptr) return request;
  if (!outputs->is_array()) return wrong("outputs is no list");
  for (const auto& value : outputs->get_array()) {
    const auto* output = value.if_object();
    const auto* name = output == nullptr ? nullptr : output->if_contains("name");
    if (name == nullptr || !name->is_string()) return wrong("an output needs a name");
    request.outputs.push_back(
        {std::string(name->get_string()), boolIn(objectIn(*output, "parameters"), "binary_data")});
  }
  return request;
}

Result<InferAnswer> writeInfer(std::string_view model, const InferRequest& request,
                               const Inference& inference) {
  std::vector<std::pair<const Tensor*, bool>> chosen;
  for (const auto& asked : request.outputs) {
    const auto found = std::ranges::find(inference.outputs, asked.name, &Tensor::name);
    if (found == inference.outputs.end()) {
      return wrong(fmt::format("the model has no output '{}'", asked.name));
    }
    chosen.emplace_back(&*found, asked.binary.value_or(request.binaryOutputs));
  }
  if (request.outputs.empty()) {
    for (const auto& tensor : inference.outputs) {
      chosen.emplace_back(&tensor, request.binaryOutputs);
    }
  }
  std::array<unsigned char, 2048> room;
  json::monotonic_resource inRoom(room.data(), room.size());
  json::object head({{"model_name", model}, {"model_version", "1"}}, &inRoom);
  if (!request.id.empty()) head["id"] = request.id;
  head["parameters"] = ranParameters(inference.ranOn, inference.timings);
  InferAnswer answer{json::serialize(head)};
  answer.body.back() = ',';
  answer.body += "\"outputs\":[";
  std::size_t bytes = 0;
  Result<std::string> failed = std::string();
  for (const auto& [tensor, binary] : chosen) {
    if (tensor != chosen.front().first || answer.body.back() != '[') answer.body += ',';
    answer.body += entryOf(*tensor, binary, failed);
    if (!failed) return std::unexpected(failed.error());
    if (binary) bytes += tensor->data.size();
  }
  answer.body += "]}";
  if (std::ranges::none_of(chosen, [](const auto& each) { return each.second; })) return answer;
  answer.headerLength = answer.body.size();
  answer.body.reserve(answer.body.size() + bytes);
  for (const auto& [tensor, binary] : chosen) {
    if (binary) answer.body += tensor->data.text();
  }
  return answer;
}

json::object metadata(std::string_view name, const ModelInfo& info) {
  return {{"name", name},
          {"versions", json::array{"1"}},
          {"platform", info.language ? "llama.cpp_gguf" : "onnxruntime_onnx"},
          {"inputs", specs(info.inputs)},
          {"outputs", specs(info.outputs)},
          {"parameters", {{"task", info.task}, {"dtype", info.dtype}, {"cid", info.cid}}}};
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

json::object ranParameters(const RanOn& ranOn, const RunTimings& timings) {
  json::object parameters{{"browser", ranOn.browser},    {"connection", ranOn.connection},
                          {"backend", ranOn.label},      {"dtype", ranOn.dtype},
                          {"queue_ms", timings.queueMs}, {"run_ms", timings.runMs},
                          {"total_ms", timings.totalMs}};
  if (ranOn.adapter) parameters["adapter"] = ranOn.adapter->label();
  return parameters;
}

}  // namespace webpool::api::oip
