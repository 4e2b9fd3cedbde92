#include "pool/golden.h"

#include <gmock/gmock.h>

#include <string>

namespace webpool::pool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kOne = R"({
  "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}],
  "outputs": [{"name": "y", "shape": [2], "datatype": "INT64", "data": [9007199254740993, 0]}]})";

onnx::ModelInfo model() {
  onnx::ModelInfo info;
  info.inputs = {{"x", DataType::Fp32, {-1, 2}, {"n", ""}, true}};
  info.outputs = {{"y", DataType::Int64, {-1}, {"n"}, true}};
  return info;
}

Result<std::vector<Golden>> read(const std::string& text, const std::string& dtype = "fp32",
                                 const std::string& task = "tensors") {
  return readGolden(text, dtype, task, model());
}

std::string refusal(const std::string& text) {
  const auto answers = read(text);
  if (answers) return "read";
  EXPECT_EQ(answers.error().category, ErrorCategory::InvalidModel);
  EXPECT_FALSE(answers.error().hint.empty());
  return answers.error().message;
}

TEST(Golden, OneAnswer) {
  const auto answers = read(kOne);
  ASSERT_TRUE(answers) << answers.error().describe();
  ASSERT_EQ(answers->size(), 1U);
  EXPECT_THAT(answers->front().inputs[0].as<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(answers->front().outputs[0].as<std::int64_t>(), ElementsAre(9007199254740993, 0));
}

TEST(Golden, AListAndOneForEachDtype) {
  const std::string one = kOne;
  EXPECT_EQ(read("[" + one + "," + one + "]")->size(), 2U);
  const auto byDtype = R"({"q4": [)" + one + "," + one + R"(], "fp32": )" + one + "}";
  EXPECT_EQ(read(byDtype, "q4")->size(), 2U);
  EXPECT_EQ(read(byDtype, "fp32")->size(), 1U);
  EXPECT_TRUE(read(byDtype, "int8")->empty());
}

TEST(Golden, AnswersToTextsAreForTheTaskThatTakesTexts) {
  const std::string texts = R"({
    "inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a dog"]}],
    "outputs": [{"name": "embedding", "shape": [1, 2], "datatype": "FP32", "data": [0, 1]}]})";
  const auto both = "[" + texts + "," + kOne + "]";
  EXPECT_EQ(read(both, "fp32", "tensors")->front().inputs[0].name, "x");
  EXPECT_EQ(read(both, "fp32", "text-embedding")->front().inputs[0].name, "text");
  EXPECT_EQ(read(both, "fp32", "text-embedding")->size(), 1U);
}

TEST(Golden, OfATasksOwnSampleSomeOutputsAreEnough) {
  const std::string sample = R"({"task": "automatic-speech-recognition", "inputs": "sample",
    "parameters": {"force": [1, 2]},
    "outputs": [{"name": "logprobs", "shape": [2], "datatype": "FP32", "data": [-1, -2]}]})";
  const auto answers = read(sample, "q8", "automatic-speech-recognition");
  ASSERT_TRUE(answers) << answers.error().describe();
  ASSERT_EQ(answers->size(), 1U);
  EXPECT_EQ(answers->front().inputs[0].name, "input_features");
  EXPECT_EQ(answers->front().parameters.at("force").as_array().size(), 2U);
  EXPECT_TRUE(read(sample, "q8", "tensors")->empty());
}

TEST(Golden, ASampleThatThereIsNotIsRefused) {
  EXPECT_THAT(refusal(R"({"inputs": "sample", "outputs": []})"), HasSubstr("\"sample\""));
  EXPECT_THAT(refusal(R"({"task": "tensors", "inputs": "sample", "outputs": []})"),
              HasSubstr("\"sample\""));
  EXPECT_THAT(refusal(R"({"task": "none", "inputs": "sample", "outputs": []})"),
              HasSubstr("\"task\""));
}

TEST(Golden, WhatDoesNotFitTheSignatureIsNamed) {
  const auto with = [](std::string from, const std::string& to) {
    std::string text = kOne;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_THAT(refusal(with("\"x\"", "\"z\"")), HasSubstr("no input 'z'"));
  EXPECT_THAT(refusal(with("\"y\"", "\"z\"")), HasSubstr("output 'y' is missing"));
  EXPECT_THAT(refusal(with("[2, 2]", "[4, 1]")), HasSubstr("\"inputs\": input 'x'"));
  EXPECT_THAT(refusal(with("[2]", "[1, 2]")), HasSubstr("\"outputs\": "));
  EXPECT_THAT(refusal(with("[2]", "[3]")), HasSubstr("needs 3 values"));
  EXPECT_THAT(refusal(with("FP32", "FP64")), HasSubstr("expected FP32"));
  EXPECT_THAT(refusal(with("\"outputs\"", "\"results\"")), HasSubstr("no \"outputs\""));
}

TEST(Golden, AnOutputThatTheModelDoesNotHave) {
  std::string text = kOne;
  text.insert(text.rfind(']'),
              R"(, {"name": "more", "shape": [1], "datatype": "FP32", "data": [0]})");
  EXPECT_THAT(refusal(text), HasSubstr("no output 'more'"));
}

TEST(Golden, WhatIsNoGoldenFileIsRefusedWithItsCause) {
  EXPECT_THAT(refusal("{"), HasSubstr("no JSON"));
  EXPECT_THAT(refusal("3"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal(R"({"colour": "gold"})"), HasSubstr("'colour' is no dtype"));
  EXPECT_THAT(refusal(std::string("[") + kOne + ", 3]"), HasSubstr("answer 2"));
}

TEST(Golden, LiesBesideTheGraphOrAtTheRoot) {
  EXPECT_THAT(goldenPaths("onnx/model_q4.onnx"),
              ElementsAre("onnx/model_q4.golden.json", "onnx/golden.json", "golden.json"));
  EXPECT_THAT(goldenPaths("mine.onnx"), ElementsAre("mine.golden.json", "golden.json"));
}

}  // namespace
}  // namespace webpool::pool
