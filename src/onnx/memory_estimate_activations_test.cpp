#include "onnx/memory_estimate_activations.h"

#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "onnx/testing/model_builder.h"
#include "webpool/tensor.h"

namespace webpool::onnx {
namespace {

using protozero::pbf_writer;

ActivationSize sizeOf(const std::string& model, const DimensionSizes& dimensions = {}) {
  const auto size = activationSize(std::as_bytes(std::span(model)), dimensions);
  EXPECT_TRUE(size) << (size ? "" : size.error().describe());
  return size.value_or(ActivationSize{});
}

/// Writes graphs that state the shapes between their nodes: FP32 vectors.
class Graph {
 public:
  static constexpr int kInput = 11, kOutput = 12, kBetween = 13;

  Graph& value(unsigned field, std::string_view name, std::int64_t size) {
    std::string dimension, shape, tensor, type, info;
    pbf_writer(dimension).add_int64(1, size);
    pbf_writer(shape).add_message(1, dimension);
    pbf_writer tensorWriter(tensor);
    tensorWriter.add_int32(1, 1);
    tensorWriter.add_message(2, shape);
    pbf_writer(type).add_message(1, tensor);
    pbf_writer infoWriter(info);
    infoWriter.add_string(1, name.data(), name.size());
    infoWriter.add_message(2, type);
    pbf_writer(bytes_).add_message(field, info);
    return *this;
  }
  Graph& node(const std::vector<std::string>& reads, const std::vector<std::string>& makes,
              const std::string& subgraph = {}) {
    std::string node;
    pbf_writer writer(node);
    for (const auto& name : reads) writer.add_string(1, name);
    for (const auto& name : makes) writer.add_string(2, name);
    writer.add_string(4, "Foo");
    if (!subgraph.empty()) {
      std::string attribute;
      pbf_writer(attribute).add_message(6, subgraph);
      writer.add_message(5, attribute);
    }
    pbf_writer(bytes_).add_message(1, node);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }
  std::string model() const {
    std::string model;
    pbf_writer(model).add_message(7, bytes_);
    return model;
  }

 private:
  std::string bytes_;
};

TEST(Activations, InputsAndOutputsLiveThroughout) {
  const auto size = sizeOf(testing::addModel(DataType::Fp32, {8, 16}));
  EXPECT_EQ(size.bytes, 3u * 8 * 16 * 4);
  EXPECT_EQ(size.unknownValues, 0u);
}

TEST(Activations, FreeDimensionsTakeTheSizesGiven) {
  const auto model = testing::identityModel(DataType::Int64, {"batch", 3});
  EXPECT_EQ(sizeOf(model, {{"batch", 5}}).bytes, 2u * 5 * 3 * 8);
  const auto unknown = sizeOf(model);
  EXPECT_EQ(unknown.bytes, 0u);
  EXPECT_EQ(unknown.unknownValues, 2u);
}

TEST(Activations, AValueLivesUntilItIsReadLast) {
  const auto chain = Graph()
                         .value(Graph::kInput, "x", 1)
                         .value(Graph::kBetween, "a", 100)
                         .value(Graph::kBetween, "b", 100)
                         .value(Graph::kBetween, "c", 100)
                         .value(Graph::kOutput, "y", 1);
  auto straight = chain;
  straight.node({"x"}, {"a"}).node({"a"}, {"b"}).node({"b"}, {"c"}).node({"c"}, {"y"});
  EXPECT_EQ(sizeOf(straight.model()).bytes, 4u * (1 + 200));
  auto skip = chain;
  skip.node({"x"}, {"a"}).node({"a"}, {"b"}).node({"b"}, {"c"}).node({"c", "a"}, {"y"});
  EXPECT_EQ(sizeOf(skip.model()).bytes, 4u * (1 + 300));
  auto unread = chain;
  unread.node({"x"}, {"a", "b", "c"}).node({"x"}, {"y"});
  EXPECT_EQ(sizeOf(unread.model()).bytes, 4u * (1 + 300));
}

TEST(Activations, ASubgraphReadsOfItsSurroundings) {
  const auto inside = Graph().node({"a"}, {"inner"}).value(Graph::kOutput, "inner", 1);
  const auto model = Graph()
                         .value(Graph::kInput, "x", 1)
                         .value(Graph::kBetween, "a", 100)
                         .value(Graph::kBetween, "b", 100)
                         .value(Graph::kOutput, "y", 1)
                         .node({"x"}, {"a"})
                         .node({"x"}, {"b"})
                         .node({"b"}, {"y"}, inside.bytes())
                         .model();
  EXPECT_EQ(sizeOf(model).bytes, 4u * (1 + 200 + 1));
}

TEST(Activations, WhatHasNoShapeIsCountedAsUnknown) {
  const auto model = Graph()
                         .value(Graph::kInput, "x", 10)
                         .value(Graph::kOutput, "y", 10)
                         .node({"x"}, {"hidden", ""})
                         .node({"hidden"}, {"y"})
                         .model();
  const auto size = sizeOf(model);
  EXPECT_EQ(size.bytes, 80u);
  EXPECT_EQ(size.unknownValues, 1u);
}

TEST(Activations, WeightsAreNone) {
  const std::vector<float> values(1000);
  const auto model = testing::ModelBuilder()
                         .input("x", DataType::Fp32, {10})
                         .input("w", DataType::Fp32, {1000})  // as old exporters list them
                         .output("y", DataType::Fp32, {10})
                         .initializer(Tensor::of<float>("w", DataType::Fp32, {1000}, values))
                         .node("Foo", {"x", "w"}, {"y"})
                         .build();
  EXPECT_EQ(sizeOf(model).bytes, 80u);
}

TEST(Activations, SizesThatOverflowAreUnknownOrABound) {
  const auto model = Graph()
                         .value(Graph::kInput, "x", INT64_MAX)
                         .value(Graph::kOutput, "y", INT64_MAX / 4)
                         .value(Graph::kBetween, "a", INT64_MAX / 4)
                         .value(Graph::kBetween, "b", INT64_MAX / 4)
                         .node({"x"}, {"a"})
                         .node({"x"}, {"b"})
                         .node({"a", "b"}, {"y"})
                         .model();
  const auto size = sizeOf(model);
  EXPECT_EQ(size.bytes, UINT64_MAX);
  EXPECT_EQ(size.unknownValues, 1u);
}

TEST(Activations, WhatIsNoModelIsRefused) {
  const auto whole = testing::addModel(DataType::Fp32, {8, 16});
  std::size_t refused = 0;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto cut = std::as_bytes(std::span(whole)).first(length);
    const auto size = activationSize(cut, {});
    if (size) continue;  // only what follows the graph is missing
    ++refused;
    EXPECT_EQ(size.error().category, ErrorCategory::InvalidModel);
  }
  EXPECT_GT(refused, whole.size() / 2);
}

TEST(Activations, NoChangedByteHarms) {
  const auto whole = testing::nestedModel(4);
  std::size_t read = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int value : {0x00, 0x7f, 0x80, 0xff}) {
      auto changed = whole;
      changed[at] = static_cast<char>(value);
      read += activationSize(std::as_bytes(std::span(changed)), {}).has_value();
    }
  }
  EXPECT_GT(read, 0u);
}

}  // namespace
}  // namespace webpool::onnx
