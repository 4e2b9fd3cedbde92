#include "onnx/model.h"

#include <gtest/gtest.h>

#include <array>

#include "onnx/testing/model_builder.h"

namespace webpool::onnx {
namespace {

using testing::Dim;
using testing::ModelBuilder;

ModelInfo read(const std::string& bytes) {
  auto model = readModel(Bytes::copyOf(bytes));
  EXPECT_TRUE(model) << (model ? "" : model.error().describe());
  return model ? *model : ModelInfo{};
}

TEST(Model, Signature) {
  const auto model = read(ModelBuilder()
                              .input("ids", DataType::Int64, {"batch", "length"})
                              .input("mask", DataType::Bool, {"batch", 4})
                              .output("y", DataType::Fp32, {"batch", 384})
                              .node("Foo", {"ids", "mask"}, {"y"}, "com.microsoft")
                              .opset("com.microsoft", 1)
                              .build());
  EXPECT_EQ(model.irVersion, 8);
  EXPECT_EQ(model.producer, "webpool-test");
  EXPECT_EQ(model.graphName, "g");
  EXPECT_EQ(model.opsets,
            (std::map<std::string, std::int64_t>{{"ai.onnx", 17}, {"com.microsoft", 1}}));
  ASSERT_EQ(model.inputs.size(), 2u);
  EXPECT_EQ(model.inputs[0].name, "ids");
  EXPECT_EQ(model.inputs[0].type, DataType::Int64);
  EXPECT_EQ(model.inputs[0].shape, (Shape{-1, -1}));
  EXPECT_EQ(model.inputs[0].symbols, (std::vector<std::string>{"batch", "length"}));
  EXPECT_EQ(model.inputs[1].shape, (Shape{-1, 4}));
  EXPECT_EQ(model.inputs[1].symbols, (std::vector<std::string>{"batch", ""}));
  EXPECT_EQ(portText(model.inputs[1]), "BOOL [batch, 4]");
  ASSERT_NE(model.findOutput("y"), nullptr);
  EXPECT_EQ(model.findOutput("y")->shape, (Shape{-1, 384}));
  EXPECT_EQ(model.findInput("y"), nullptr);
  EXPECT_EQ(model.opCounts, (std::map<std::string, std::uint64_t>{{"com.microsoft.Foo", 1}}));
  EXPECT_FALSE(model.usesFp16);
}

TEST(Model, MetadataOfItsMaker) {
  auto bytes = ModelBuilder().output("y", DataType::Fp32, {1}).build();
  bytes += std::string(
      "\x72\x0a\x0a\x03key\x12\x03"
      "a\nb",
      12);  // metadata_props
  EXPECT_EQ(read(bytes).metadata, (std::map<std::string, std::string>{{"key", "a\nb"}}));
}

TEST(Model, ScalarsAndUnknownRanksDiffer) {
  const std::string noShape("\x0a\x02\x08\x01", 4);  // tensor_type { elem_type: FLOAT }
  const auto model = read(ModelBuilder()
                              .input("scalar", DataType::Int64, {})
                              .rawInput("any", noShape)
                              .output("y", DataType::Fp32, {Dim{-1}})
                              .build());
  EXPECT_TRUE(model.inputs[0].rankKnown);
  EXPECT_TRUE(model.inputs[0].shape.empty());
  EXPECT_FALSE(model.inputs[1].rankKnown);
  EXPECT_EQ(portText(model.inputs[1]), "FP32 of any shape");
  EXPECT_EQ(model.outputs[0].shape, Shape{-1});
  EXPECT_EQ(portText(model.outputs[0]), "FP32 [any]");
}

TEST(Model, WeightsAreCountedAndAreNoInputs) {
  const std::array<float, 6> values{};
  const auto model = read(ModelBuilder()
                              .input("x", DataType::Fp32, {"n", 2})
                              .input("w", DataType::Fp32, {2, 3})  // as old exporters list them
                              .output("y", DataType::Fp32, {"n", 3})
                              .initializer(Tensor::of<float>("w", DataType::Fp32, {2, 3}, values))
                              .node("MatMul", {"x", "w"}, {"y"})
                              .build());
  ASSERT_EQ(model.inputs.size(), 1u);
  EXPECT_EQ(model.inputs[0].name, "x");
  EXPECT_EQ(model.weightBytes, 24u);
  EXPECT_EQ(model.externalWeightBytes, 0u);
  EXPECT_EQ(model.weightTypes, (std::map<std::string, std::uint64_t>{{"FLOAT", 24}}));
  EXPECT_EQ(model.nodeCount, 1u);
}

TEST(Model, ExternalFilesAndHowFarTheyMustReach) {
  const auto model = read(ModelBuilder()
                              .output("y", DataType::Fp32, {1})
                              .externalInitializer("b", DataType::Int8, {10}, "sub/more.bin", 4096)
                              .externalInitializer("a", DataType::Fp32, {100}, "model.onnx_data")
                              .externalInitializer("c", DataType::Fp32, {2}, "model.onnx_data", 400)
                              .build());
  ASSERT_EQ(model.externalFiles.size(), 2u);
  EXPECT_EQ(model.externalFiles[0].path, "model.onnx_data");
  EXPECT_EQ(model.externalFiles[0].minimumSize, 408u);
  EXPECT_EQ(model.externalFiles[1].path, "sub/more.bin");
  EXPECT_EQ(model.externalFiles[1].minimumSize, 4106u);
  EXPECT_EQ(model.weightBytes, 418u);
  EXPECT_EQ(model.externalWeightBytes, 418u);
}

TEST(Model, Fp16IsSeenInWeightsAndPorts) {
  EXPECT_TRUE(read(testing::matMulModel(DataType::Fp16, 4, 4)).usesFp16);
  EXPECT_FALSE(read(testing::matMulModel(DataType::Fp32, 4, 4)).usesFp16);
  EXPECT_TRUE(read(testing::identityModel(DataType::Fp16, {1})).usesFp16);
  // Inside only: NodeProto { op_type: "Cast", attribute { name: "to" i: 10 } }
  const std::string cast(
      "\x22\x04"
      "Cast\x2a\x06\x0a\x02to\x18\x0a",
      14);
  EXPECT_TRUE(read(ModelBuilder().output("y", DataType::Fp32, {1}).rawNode(cast).build()).usesFp16);
}

TEST(Model, SubgraphsAreCounted) {
  const auto model = read(testing::nestedModel(3));
  EXPECT_EQ(model.opCounts.at("If"), 1u + 2u + 4u);
  EXPECT_EQ(model.opCounts.at("Identity"), 8u);
  EXPECT_EQ(model.inputs.size(), 2u);
}

TEST(Model, EveryTensorTypeOfAPort) {
  for (int i = 0; i <= static_cast<int>(DataType::Bytes); ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(read(testing::identityModel(type, {2})).inputs[0].type, type);
  }
}

}  // namespace
}  // namespace webpool::onnx
