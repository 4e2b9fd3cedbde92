#include "onnx/json_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "onnx/check_inputs.h"
#include "onnx/json_nodes.h"
#include "onnx/json_values.h"
#include "onnx/npz.h"
#include "onnx/text.h"

namespace webpool::onnx {
namespace {

std::unexpected<Error> refuse(std::string message, std::string hint = {}) {
  return fail(ErrorCategory::InvalidInput, std::move(message), std::move(hint));
}

/// The sizes along the first children: what the nesting must be throughout.
Shape nestingOf(const JsonNodes& nodes, std::uint32_t node) {
  Shape shape;
  while (nodes.kind(node) == JsonKind::Array) {
    std::int64_t count = 0;
    nodes.forEachChild(node, [&](std::uint32_t) { ++count; });
    shape.push_back(count);
    if (count == 0) break;
    ++node;
  }
  return shape;
}

/// Appends the elements of nested lists, which must have exactly the given nesting.
class ElementReader {
 public:
  ElementReader(const JsonNodes& nodes, const Shape& nesting, DataType type)
      : nodes_(nodes), nesting_(nesting), type_(type) {}

  /// Empty on success, else what is wrong.
  std::string read(std::uint32_t node, std::size_t depth = 0) {
    if (depth == nesting_.size()) return appendElement(nodes_, node, type_, bytes);
    if (nodes_.kind(node) != JsonKind::Array) {
      return fmt::format("the lists are ragged: {} stands among lists", nodes_.text(node));
    }
    std::int64_t count = 0;
    std::string wrong;
    nodes_.forEachChild(node, [&](std::uint32_t child) {
      ++count;
      if (wrong.empty()) wrong = read(child, depth + 1);
    });
    if (wrong.empty() && count != nesting_[depth]) {
      return fmt::format("the lists are ragged: {} and {} values in dimension {}", nesting_[depth],
                         count, depth);
    }
    return wrong;
  }

  std::vector<std::byte> bytes;

 private:
  const JsonNodes& nodes_;
  const Shape& nesting_;
  DataType type_;
};

Result<Tensor> readValues(const JsonNodes& nodes, std::uint32_t data, std::string name,
                          DataType type, std::optional<Shape> shape) {
  const auto nesting = nestingOf(nodes, data);
  // Flat data fill any shape; nested data must have it.
  if (shape && nesting.size() > 1 && nesting != *shape) {
    return refuse(fmt::format("tensor '{}': shape {}, but the data is nested as {}", name,
                              shapeText(*shape), shapeText(nesting)),
                  "make both agree, or give the data flat");
  }
  if (shape && elementCount(nesting) != elementCount(*shape)) {
    return refuse(fmt::format("tensor '{}': shape {} needs {} values, the data has {}", name,
                              shapeText(*shape), elementCount(*shape).value_or(0),
                              elementCount(nesting).value_or(0)));
  }
  ElementReader reader(nodes, nesting, type);
  reader.bytes.reserve((nodes.next(data) - data) * elementSize(type));
  if (const auto wrong = reader.read(data); !wrong.empty()) {
    return refuse(fmt::format("tensor '{}': {}", name, wrong),
                  fmt::format("give {} values, as lists of the same length in each dimension",
                              dataTypeName(type)));
  }
  return Tensor{std::move(name), type, shape.value_or(nesting),
                Bytes::adopt(std::move(reader.bytes))};
}

Result<Shape> readShape(const JsonNodes& nodes, std::uint32_t node, std::string_view name) {
  constexpr std::size_t kMaxRank = 32;
  Shape shape;
  bool valid = node != 0 && nodes.kind(node) == JsonKind::Array;
  if (valid) {
    nodes.forEachChild(node, [&](std::uint32_t child) {
      const auto text = nodes.text(child);
      std::int64_t size = -1;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
      valid = valid && nodes.kind(child) == JsonKind::Number && error == std::errc{} &&
              end == text.data() + text.size() && size >= 0 && shape.size() < kMaxRank;
      if (valid) shape.push_back(size);
    });
  }
  if (!valid || !elementCount(shape)) {
    return refuse(fmt::format("tensor '{}': \"shape\" must be a list of at most 32 sizes", name),
                  "for example \"shape\": [1, 384]");
  }
  return shape;
}

/// The list behind "inputs" if the document has the protocol's form, else 0.
std::uint32_t protocolInputs(const JsonNodes& nodes, const ModelInfo* model) {
  const auto inputs = nodes.find(0, "inputs");
  if (inputs == 0 || nodes.kind(inputs) != JsonKind::Array) return 0;
  if (nodes.next(inputs) == inputs + 1) {
    return model == nullptr || model->findInput("inputs") == nullptr ? inputs : 0;
  }
  return nodes.kind(inputs + 1) == JsonKind::Object ? inputs : 0;
}

Result<std::vector<Tensor>> readShortForm(const JsonNodes& nodes, const ModelInfo* model) {
  if (model == nullptr) {
    return refuse("the types of these tensors are not known",
                  "give them as {\"inputs\": [{\"name\", \"shape\", \"datatype\", \"data\"}]}");
  }
  std::vector<Tensor> tensors;
  const auto end = nodes.next(0);
  for (std::uint32_t key = 1; key < end;) {
    const auto value = key + 1;
    const auto* port = model->findInput(nodes.text(key));
    if (port == nullptr) return std::unexpected(unknownInput(*model, nodes.text(key)));
    auto tensor = readValues(nodes, value, port->name, port->type, std::nullopt);
    if (!tensor) return std::unexpected(tensor.error());
    tensors.push_back(std::move(*tensor));
    key = nodes.next(value);
  }
  return tensors;
}

Result<std::vector<Tensor>> readProtocolForm(const JsonNodes& nodes, std::uint32_t inputs) {
  std::vector<Tensor> tensors;
  const auto end = nodes.next(inputs);
  for (auto node = inputs + 1; node < end; node = nodes.next(node)) {
    auto tensor = readJsonTensor(nodes, node);
    if (!tensor) return std::unexpected(tensor.error());
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

}  // namespace

Result<Tensor> readJsonTensorHead(const JsonNodes& nodes, std::uint32_t entry) {
  const auto name = nodes.find(entry, "name");
  if (name == 0 || !nodes.isString(name)) return refuse("an entry of \"inputs\" has no \"name\"");
  const auto label = nodes.text(name);
  const auto typeNode = nodes.find(entry, "datatype");
  if (typeNode == 0 || !nodes.isString(typeNode)) {
    return refuse(fmt::format("tensor '{}' has no \"datatype\"", label),
                  "for example \"datatype\": \"FP32\"");
  }
  const auto type = dataTypeFromName(nodes.text(typeNode));
  if (!type) {
    return refuse(fmt::format("tensor '{}': unknown datatype '{}'", label, nodes.text(typeNode)),
                  "BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64 or BYTES");
  }
  auto shape = readShape(nodes, nodes.find(entry, "shape"), label);
  if (!shape) return std::unexpected(shape.error());
  return Tensor{std::string(label), *type, std::move(*shape), {}};
}

Result<Tensor> readJsonTensor(const JsonNodes& nodes, std::uint32_t entry) {
  auto tensor = readJsonTensorHead(nodes, entry);
  if (!tensor) return tensor;
  const auto data = nodes.find(entry, "data");
  if (data == 0) return refuse(fmt::format("tensor '{}' has no \"data\"", tensor->name));
  return readValues(nodes, data, std::move(tensor->name), tensor->type, std::move(tensor->shape));
}

std::optional<std::string_view> nameGivenTwice(std::span<const Tensor> tensors) {
  constexpr std::size_t kFew = 8;
  if (tensors.size() > kFew) {
    std::set<std::string_view> names;
    for (const auto& tensor : tensors) {
      if (!names.insert(tensor.name).second) return tensor.name;
    }
    return std::nullopt;
  }
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    const auto before = tensors.first(i);
    const auto found = std::ranges::find(before, tensors[i].name, &Tensor::name);
    if (found != before.end()) return tensors[i].name;
  }
  return std::nullopt;
}

Result<std::vector<Tensor>> readJsonTensors(std::string_view text, const ModelInfo* model) {
  const auto nodes = JsonNodes::parse(text);
  if (!nodes) return std::unexpected(nodes.error());
  if (nodes->kind(0) != JsonKind::Object) {
    return refuse("tensors in JSON are an object: names and values",
                  "for example {\"x\": [[1, 2]]}");
  }
  const auto inputs = protocolInputs(*nodes, model);
  auto tensors = inputs != 0 ? readProtocolForm(*nodes, inputs) : readShortForm(*nodes, model);
  if (!tensors) return tensors;
  if (const auto name = nameGivenTwice(*tensors)) {
    return refuse(fmt::format("input '{}' is given twice", *name), "give each input once");
  }
  return tensors;
}

Result<void> appendJsonTensorHead(const Tensor& tensor, std::string& out) {
  if (!isUtf8(tensor.name)) {
    return fail(ErrorCategory::InvalidArgument, "a tensor's name is no UTF-8");
  }
  out += "{\"name\":";
  appendJsonString(tensor.name, out);
  out += ",\"shape\":";
  out += shapeText(tensor.shape);
  out += ",\"datatype\":\"";
  out += dataTypeName(tensor.type);
  out += '"';
  return {};
}

Result<void> appendJsonTensor(const Tensor& tensor, std::string& out) {
  if (auto valid = tensor.validate(); !valid) return valid;
  if (auto begun = appendJsonTensorHead(tensor, out); !begun) return begun;
  out += ",\"data\":[";
  if (auto written = appendValues(tensor, out); !written) return written;
  out += "]}";
  return {};
}

Result<std::string> writeJsonTensors(std::string_view modelName, std::span<const Tensor> outputs) {
  std::string out = "{\"model_name\":";
  appendJsonString(modelName, out);
  out += ",\"outputs\":[";
  for (const auto& tensor : outputs) {
    if (&tensor != outputs.data()) out += ',';
    if (auto written = appendJsonTensor(tensor, out); !written) {
      return std::unexpected(written.error());
    }
  }
  out += "]}";
  return out;
}

Result<std::vector<Tensor>> readTensors(const Bytes& file, const ModelInfo* model) {
  if (file.text().starts_with("PK")) return readNpz(file);
  if (file.text().starts_with("\x93NUMPY")) {
    return refuse("this is one array (.npy), which has no input's name",
                  "save it under the input's name: numpy.savez(\"in.npz\", input=array)");
  }
  return readJsonTensors(file.text(), model);
}

}  // namespace webpool::onnx
