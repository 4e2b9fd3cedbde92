#include "onnx/testing/model_builder.h"

#include <cstring>
#include <protozero/pbf_writer.hpp>

#include "onnx/element_type.h"
#include "onnx/half.h"

namespace webpool::onnx::testing {
namespace {

using protozero::pbf_writer;

std::string typeProto(DataType type, const std::vector<Dim>& shape) {
  std::string shapeBytes;
  pbf_writer shapeWriter(shapeBytes);
  for (const auto& dim : shape) {
    std::string dimBytes;
    pbf_writer dimWriter(dimBytes);
    if (dim.value >= 0) dimWriter.add_int64(1, dim.value);
    if (!dim.symbol.empty()) dimWriter.add_string(2, dim.symbol);
    shapeWriter.add_message(1, dimBytes);
  }
  std::string tensor;
  pbf_writer tensorWriter(tensor);
  tensorWriter.add_int32(1, elementTypeId(type));
  tensorWriter.add_message(2, shapeBytes);
  std::string proto;
  pbf_writer(proto).add_message(1, tensor);
  return proto;
}

std::string valueInfo(std::string_view name, std::string_view type) {
  std::string bytes;
  pbf_writer writer(bytes);
  writer.add_string(1, name.data(), name.size());
  writer.add_message(2, type.data(), type.size());
  return bytes;
}

std::string nodeProto(std::string_view op, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs, std::string_view domain,
                      const std::vector<std::string>& attributes = {}) {
  std::string bytes;
  pbf_writer writer(bytes);
  for (const auto& input : inputs) writer.add_string(1, input);
  for (const auto& output : outputs) writer.add_string(2, output);
  writer.add_string(4, op.data(), op.size());
  for (const auto& attribute : attributes) writer.add_message(5, attribute);
  if (!domain.empty()) writer.add_string(7, domain.data(), domain.size());
  return bytes;
}

std::string graphAttribute(std::string_view name, const std::string& graph) {
  constexpr int kGraphAttribute = 5;
  std::string bytes;
  pbf_writer writer(bytes);
  writer.add_string(1, name.data(), name.size());
  writer.add_message(6, graph);
  writer.add_int32(20, kGraphAttribute);
  return bytes;
}

std::string entry(std::string_view key, std::string_view value) {
  std::string bytes;
  pbf_writer writer(bytes);
  writer.add_string(1, key.data(), key.size());
  writer.add_string(2, value.data(), value.size());
  return bytes;
}

std::string graphProto(const std::vector<std::string>& nodes,
                       const std::vector<std::string>& initializers,
                       const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs) {
  std::string graph;
  pbf_writer writer(graph);
  for (const auto& node : nodes) writer.add_message(1, node);
  writer.add_string(2, "g");
  for (const auto& initializer : initializers) writer.add_message(5, initializer);
  for (const auto& input : inputs) writer.add_message(11, input);
  for (const auto& output : outputs) writer.add_message(12, output);
  return graph;
}

}  // namespace

ModelBuilder& ModelBuilder::input(std::string_view name, DataType type,
                                  const std::vector<Dim>& shape) {
  return rawInput(name, typeProto(type, shape));
}

ModelBuilder& ModelBuilder::output(std::string_view name, DataType type,
                                   const std::vector<Dim>& shape) {
  outputs_.push_back(valueInfo(name, typeProto(type, shape)));
  return *this;
}

ModelBuilder& ModelBuilder::rawInput(std::string_view name, std::string_view type) {
  inputs_.push_back(valueInfo(name, type));
  return *this;
}

ModelBuilder& ModelBuilder::initializer(const Tensor& tensor) {
  std::string bytes;
  pbf_writer writer(bytes);
  writer.add_packed_int64(1, tensor.shape.begin(), tensor.shape.end());
  writer.add_int32(2, elementTypeId(tensor.type));
  writer.add_string(8, tensor.name);
  writer.add_bytes(9, tensor.data.text().data(), tensor.data.size());
  initializers_.push_back(std::move(bytes));
  return *this;
}

ModelBuilder& ModelBuilder::externalInitializer(std::string_view name, DataType type,
                                                const Shape& shape, std::string_view location,
                                                std::uint64_t offset) {
  const auto length = elementCount(shape).value_or(0) * elementSize(type);
  std::string bytes;
  pbf_writer writer(bytes);
  writer.add_packed_int64(1, shape.begin(), shape.end());
  writer.add_int32(2, elementTypeId(type));
  writer.add_string(8, name.data(), name.size());
  writer.add_message(13, entry("location", location));
  writer.add_message(13, entry("offset", std::to_string(offset)));
  writer.add_message(13, entry("length", std::to_string(length)));
  writer.add_int32(14, 1);
  initializers_.push_back(std::move(bytes));
  return *this;
}

ModelBuilder& ModelBuilder::node(std::string_view op, const std::vector<std::string>& inputs,
                                 const std::vector<std::string>& outputs, std::string_view domain) {
  return rawNode(nodeProto(op, inputs, outputs, domain));
}

ModelBuilder& ModelBuilder::rawNode(std::string_view proto) {
  nodes_.emplace_back(proto);
  return *this;
}

ModelBuilder& ModelBuilder::opset(std::string_view domain, std::int64_t version) {
  opsets_.emplace_back(domain, version);
  return *this;
}

std::string ModelBuilder::build() const {
  std::string model;
  pbf_writer writer(model);
  writer.add_int64(1, irVersion_);
  writer.add_string(2, "webpool-test");
  writer.add_message(7, graphProto(nodes_, initializers_, inputs_, outputs_));
  auto opsets = opsets_;
  opsets.emplace_back("", opset_);
  for (const auto& [domain, version] : opsets) {
    std::string bytes;
    pbf_writer opsetWriter(bytes);
    opsetWriter.add_string(1, domain);
    opsetWriter.add_int64(2, version);
    writer.add_message(8, bytes);
  }
  return model;
}

std::string identityModel(DataType type, const std::vector<Dim>& shape) {
  return ModelBuilder()
      .input("x", type, shape)
      .output("y", type, shape)
      .node("Identity", {"x"}, {"y"})
      .build();
}

std::string addModel(DataType type, const std::vector<Dim>& shape) {
  return ModelBuilder()
      .input("a", type, shape)
      .input("b", type, shape)
      .output("c", type, shape)
      .node("Add", {"a", "b"}, {"c"})
      .build();
}

std::string matMulModel(DataType type, std::int64_t rows, std::int64_t columns) {
  const auto count = static_cast<std::size_t>(rows * columns);
  std::vector<std::byte> weights(count * elementSize(type));
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = (static_cast<float>(i % 7) - 3.0F) / 4.0F;
    if (type == DataType::Fp16) {
      const auto half = toHalf(static_cast<double>(value));
      std::memcpy(weights.data() + i * sizeof(half), &half, sizeof(half));
    } else {
      std::memcpy(weights.data() + i * sizeof(value), &value, sizeof(value));
    }
  }
  return ModelBuilder()
      .input("x", type, {"batch", rows})
      .output("y", type, {"batch", columns})
      .initializer({"w", type, {rows, columns}, Bytes::adopt(std::move(weights))})
      .node("MatMul", {"x", "w"}, {"y"})
      .build();
}

std::string nestedModel(int depth) {
  const auto port = [](std::string_view name) {
    return valueInfo(name, typeProto(DataType::Fp32, {1}));
  };
  auto node = nodeProto("Identity", {"x"}, {"y0"}, "");
  for (int level = 1; level <= depth; ++level) {
    const auto graph = graphProto({node}, {}, {}, {port("y" + std::to_string(level - 1))});
    std::vector<std::string> branches{graphAttribute("then_branch", graph)};
    // A second branch at every level would double the bytes each time.
    if (level <= 4) branches.push_back(graphAttribute("else_branch", graph));
    node = nodeProto("If", {"condition"}, {"y" + std::to_string(level)}, "", branches);
  }
  return ModelBuilder()
      .input("x", DataType::Fp32, {1})
      .input("condition", DataType::Bool, {1})
      .output("y" + std::to_string(depth), DataType::Fp32, {1})
      .rawNode(node)
      .build();
}

}  // namespace webpool::onnx::testing
