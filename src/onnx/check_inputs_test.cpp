#include "onnx/check_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace webpool::onnx {
namespace {

using ::testing::HasSubstr;

Port port(std::string name, DataType type, Shape shape, std::vector<std::string> symbols) {
  return {std::move(name), type, std::move(shape), std::move(symbols), true};
}

ModelInfo bert() {
  ModelInfo model;
  model.inputs = {port("input_ids", DataType::Int64, {-1, -1}, {"batch", "length"}),
                  port("attention_mask", DataType::Int64, {-1, -1}, {"batch", "length"})};
  return model;
}

Tensor tensor(std::string name, DataType type, Shape shape) {
  const auto size = static_cast<std::size_t>(elementCount(shape).value_or(0)) * elementSize(type);
  return {std::move(name), type, std::move(shape), Bytes::copyOf(std::string(size, '\0'))};
}

Error refused(const ModelInfo& model, const std::vector<Tensor>& inputs) {
  const auto checked = checkInputs(model, inputs);
  EXPECT_FALSE(checked);
  if (checked) return {};
  EXPECT_EQ(checked.error().category, ErrorCategory::InvalidInput);
  EXPECT_FALSE(checked.error().message.empty());
  return checked.error();
}

TEST(CheckInputs, AcceptsAnyOrder) {
  EXPECT_TRUE(checkInputs(bert(), std::vector{tensor("attention_mask", DataType::Int64, {2, 5}),
                                              tensor("input_ids", DataType::Int64, {2, 5})}));
}

TEST(CheckInputs, MissingInput) {
  const auto error = refused(bert(), {tensor("input_ids", DataType::Int64, {2, 5})});
  EXPECT_EQ(error.message, "input 'attention_mask' is missing: expected INT64 [batch, length]");
  EXPECT_THAT(error.hint, HasSubstr("input_ids: INT64 [batch, length]"));
}

TEST(CheckInputs, UnknownInputSuggestsTheNearest) {
  const auto error = refused(bert(), {tensor("inputs_id", DataType::Int64, {2, 5})});
  EXPECT_EQ(error.message, "the model has no input 'inputs_id'");
  EXPECT_THAT(error.hint, HasSubstr("did you mean 'input_ids'?"));
  EXPECT_THAT(error.hint, HasSubstr("attention_mask"));
  EXPECT_THAT(refused(bert(), {tensor("pixels", DataType::Int64, {2, 5})}).hint,
              Not(HasSubstr("did you mean")));
}

TEST(CheckInputs, WrongType) {
  const auto error = refused(bert(), {tensor("input_ids", DataType::Int32, {2, 5}),
                                      tensor("attention_mask", DataType::Int64, {2, 5})});
  EXPECT_EQ(error.message, "input 'input_ids': expected INT64 [batch, length], got INT32 [2, 5]");
  EXPECT_EQ(error.hint, "convert the values to INT64");
}

TEST(CheckInputs, WrongRankAndWrongSize) {
  ModelInfo model;
  model.inputs = {port("x", DataType::Fp32, {-1, 3}, {"batch", ""})};
  EXPECT_THAT(refused(model, {tensor("x", DataType::Fp32, {3})}).message,
              HasSubstr("expected FP32 [batch, 3], got FP32 [3] (rank 1 instead of 2)"));
  EXPECT_THAT(refused(model, {tensor("x", DataType::Fp32, {3, 4})}).message,
              HasSubstr("got FP32 [3, 4] (dimension 1 differs)"));
  EXPECT_TRUE(checkInputs(model, std::vector{tensor("x", DataType::Fp32, {9, 3})}));
}

TEST(CheckInputs, SymbolsMustAgree) {
  const auto error = refused(bert(), {tensor("input_ids", DataType::Int64, {2, 5}),
                                      tensor("attention_mask", DataType::Int64, {2, 6})});
  EXPECT_EQ(error.message, "input 'attention_mask': 'length' is 6 here and 5 in input 'input_ids'");
}

TEST(CheckInputs, SymbolsAgreeAcrossAxes) {
  ModelInfo model;
  model.inputs = {port("a", DataType::Fp32, {-1, -1}, {"m", "k"}),
                  port("b", DataType::Fp32, {-1, -1}, {"k", "n"})};
  EXPECT_TRUE(checkInputs(model, std::vector{tensor("a", DataType::Fp32, {2, 3}),
                                             tensor("b", DataType::Fp32, {3, 4})}));
  EXPECT_THAT(
      refused(model, {tensor("a", DataType::Fp32, {2, 3}), tensor("b", DataType::Fp32, {2, 4})})
          .message,
      HasSubstr("'k' is 2 here and 3 in input 'a'"));
}

// The published fp32 MiniLM names both dimensions of all its inputs "batch".
TEST(CheckInputs, ANameThatStandsTwiceInOneInputIsComparedPerAxis) {
  ModelInfo model;
  model.inputs = {port("ids", DataType::Int64, {-1, -1}, {"batch", "batch"}),
                  port("mask", DataType::Int64, {-1, -1}, {"batch", "batch"})};
  EXPECT_TRUE(checkInputs(model, std::vector{tensor("ids", DataType::Int64, {1, 7}),
                                             tensor("mask", DataType::Int64, {1, 7})}));
  refused(model, {tensor("ids", DataType::Int64, {1, 7}), tensor("mask", DataType::Int64, {1, 8})});
}

TEST(CheckInputs, DoubledInput) {
  EXPECT_THAT(refused(bert(), {tensor("input_ids", DataType::Int64, {2, 5}),
                               tensor("input_ids", DataType::Int64, {2, 5})})
                  .message,
              HasSubstr("given twice"));
}

TEST(CheckInputs, DataMustFillTheShape) {
  ModelInfo model;
  model.inputs = {port("x", DataType::Fp32, {-1}, {""})};
  auto wrong = tensor("x", DataType::Fp32, {4});
  wrong.shape = {5};
  EXPECT_THAT(refused(model, {wrong}).message, HasSubstr("needs 20 bytes, got 16"));
}

TEST(CheckInputs, UnknownRankTakesAnyShape) {
  ModelInfo model;
  model.inputs = {Port{"x", DataType::Fp32, {}, {}, false}};
  EXPECT_TRUE(checkInputs(model, std::vector{tensor("x", DataType::Fp32, {1, 2, 3})}));
  model.inputs[0].rankKnown = true;  // now a scalar
  refused(model, {tensor("x", DataType::Fp32, {1})});
  EXPECT_TRUE(checkInputs(model, std::vector{tensor("x", DataType::Fp32, {})}));
}

TEST(CheckInputs, AModelWithoutInputs) {
  EXPECT_TRUE(checkInputs(ModelInfo{}, {}));
  EXPECT_THAT(refused(ModelInfo{}, {tensor("x", DataType::Fp32, {1})}).hint,
              HasSubstr("takes no inputs"));
}

}  // namespace
}  // namespace webpool::onnx
