#include "onnx/json_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "onnx/half.h"

namespace webpool::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ModelInfo modelOf(DataType type) {
  ModelInfo model;
  model.inputs = {Port{"x", type, {-1}, {""}, false}, Port{"inputs", type, {-1}, {""}, false}};
  return model;
}

Result<std::vector<Tensor>> readAs(DataType type, std::string_view text) {
  const auto model = modelOf(type);
  return readJsonTensors(text, &model);
}

template <class T>
std::vector<T> values(const Result<std::vector<Tensor>>& tensors) {
  EXPECT_TRUE(tensors) << tensors.error().describe();
  if (!tensors) return {};
  EXPECT_TRUE(tensors->front().validate());
  const auto view = tensors->front().as<T>();
  return {view.begin(), view.end()};
}

std::string refused(DataType type, std::string_view text) {
  const auto tensors = readAs(type, text);
  EXPECT_FALSE(tensors) << text;
  if (tensors) return {};
  EXPECT_EQ(tensors.error().category, ErrorCategory::InvalidInput);
  EXPECT_NE(tensors.error().hint, "") << tensors.error().message;
  return tensors.error().message;
}

std::string protocol(std::string_view type, std::string_view shape, std::string_view data) {
  return std::string(R"({"id": "1", "inputs": [{"data": )") + std::string(data) +
         R"(, "name": "t", "shape": )" + std::string(shape) + R"(, "datatype": ")" +
         std::string(type) + R"("}], "outputs": [{"name": "y"}]})";
}

TEST(JsonTensors, ProtocolFormFlatAndNested) {
  for (const auto* data : {"[1, 2.5, -3, 4]", "[[1, 2.5], [-3, 4]]"}) {
    const auto tensors = readJsonTensors(protocol("FP32", "[2, 2]", data), nullptr);
    EXPECT_THAT(values<float>(tensors), ElementsAre(1.0F, 2.5F, -3.0F, 4.0F));
    EXPECT_EQ(tensors->front().shape, (Shape{2, 2}));
    EXPECT_EQ(tensors->front().name, "t");
  }
}

TEST(JsonTensors, ShortFormTakesTheShapeOfTheNesting) {
  const auto tensors = readAs(DataType::Int32, R"({"x": [[[1], [2]], [[3], [4]]]})");
  EXPECT_THAT(values<std::int32_t>(tensors), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(tensors->front().shape, (Shape{2, 2, 1}));
  EXPECT_EQ(readAs(DataType::Int32, R"({"x": 7})")->front().shape, Shape{});
  EXPECT_EQ(readAs(DataType::Int32, R"({"x": []})")->front().shape, Shape{0});
  EXPECT_EQ(readAs(DataType::Int32, R"({"x": [[], []]})")->front().shape, (Shape{2, 0}));
}

TEST(JsonTensors, AnInputNamedInputsIsNoRequest) {
  const auto tensors = readAs(DataType::Fp32, R"({"inputs": [[1, 2]]})");
  ASSERT_TRUE(tensors);
  EXPECT_EQ(tensors->front().name, "inputs");
  EXPECT_EQ(readJsonTensors(R"({"inputs": []})", nullptr)->size(), 0u);
}

TEST(JsonTensors, SixtyFourBitIntegersAreExact) {
  EXPECT_THAT(values<std::int64_t>(readAs(
                  DataType::Int64,
                  R"({"x": [9007199254740993, -9223372036854775808, 9223372036854775807]})")),
              ElementsAre(9007199254740993, std::numeric_limits<std::int64_t>::min(),
                          std::numeric_limits<std::int64_t>::max()));
  EXPECT_THAT(values<std::uint64_t>(readAs(DataType::Uint64, R"({"x": [18446744073709551615]})")),
              ElementsAre(std::numeric_limits<std::uint64_t>::max()));
}

TEST(JsonTensors, IntegersMustFitTheirType) {
  EXPECT_EQ(refused(DataType::Uint8, R"({"x": [256]})"), "tensor 'x': 256 does not fit UINT8");
  EXPECT_THAT(refused(DataType::Uint8, R"({"x": [-1]})"), HasSubstr("-1 does not fit UINT8"));
  EXPECT_THAT(refused(DataType::Int8, R"({"x": [128]})"), HasSubstr("does not fit INT8"));
  EXPECT_THAT(refused(DataType::Int64, R"({"x": [9223372036854775808]})"),
              HasSubstr("does not fit"));
  EXPECT_THAT(refused(DataType::Uint64, R"({"x": [18446744073709551616]})"),
              HasSubstr("does not fit UINT64"));
  EXPECT_THAT(refused(DataType::Int32, R"({"x": [1.0]})"), HasSubstr("1.0 is no whole number"));
  EXPECT_THAT(refused(DataType::Int32, R"({"x": [1e3]})"), HasSubstr("1e3 is no whole number"));
  EXPECT_THAT(refused(DataType::Int32, R"({"x": ["5"]})"), HasSubstr("5 is no INT32"));
  EXPECT_THAT(refused(DataType::Int32, R"({"x": [true]})"), HasSubstr("true is no INT32"));
}

TEST(JsonTensors, FloatsAreRoundedOnce) {
  EXPECT_THAT(
      values<float>(readAs(DataType::Fp32, R"({"x": [0.1, 1e-45, 3.4028234e38, -0.0, 1e-60]})")),
      ElementsAre(0.1F, 1e-45F, 3.4028234e38F, -0.0F, 0.0F));
  EXPECT_THAT(
      values<double>(readAs(DataType::Fp64, R"({"x": [0.1, 123456789012345678901234567890]})")),
      ElementsAre(0.1, 123456789012345678901234567890.0));
  EXPECT_THAT(refused(DataType::Fp32, R"({"x": [1e39]})"), HasSubstr("1e39 does not fit FP32"));
  EXPECT_THAT(refused(DataType::Fp64, R"({"x": [1e999]})"), HasSubstr("does not fit FP64"));
}

TEST(JsonTensors, HalvesAreConvertedAndChecked) {
  EXPECT_THAT(
      values<std::uint16_t>(readAs(DataType::Fp16, R"({"x": [1, -2, 0.333251953125, 65504]})")),
      ElementsAre(0x3c00, 0xc000, 0x3555, 0x7bff));
  EXPECT_THAT(values<std::uint16_t>(readAs(DataType::Bf16, R"({"x": [1, 3.140625]})")),
              ElementsAre(0x3f80, 0x4049));
  EXPECT_THAT(refused(DataType::Fp16, R"({"x": [65520]})"), HasSubstr("does not fit FP16"));
  EXPECT_THAT(refused(DataType::Bf16, R"({"x": [3.4e38]})"), HasSubstr("does not fit BF16"));
  EXPECT_TRUE(readAs(DataType::Bf16, R"({"x": [3.39e38]})"));
}

TEST(JsonTensors, BoolsAndStrings) {
  EXPECT_THAT(values<std::uint8_t>(readAs(DataType::Bool, R"({"x": [true, false, 1, 0]})")),
              ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(refused(DataType::Bool, R"({"x": [2]})"), HasSubstr("2 is no BOOL"));
  const auto strings = readAs(DataType::Bytes, R"({"x": ["hi", "", "a\nü\u00fc\ud83d\ude00"]})");
  ASSERT_TRUE(strings);
  ASSERT_TRUE(strings->front().validate());
  EXPECT_EQ(strings->front().data.text(),
            std::string_view("\x02\0\0\0hi\0\0\0\0\x0a\0\0\0a\nüü\xf0\x9f\x98\x80", 24));
  EXPECT_THAT(refused(DataType::Bytes, R"({"x": [1]})"), HasSubstr("1 is no BYTES"));
}

TEST(JsonTensors, RaggedLists) {
  EXPECT_THAT(refused(DataType::Fp32, R"({"x": [[1, 2], [3]]})"),
              HasSubstr("ragged: 2 and 1 values in dimension 1"));
  EXPECT_THAT(refused(DataType::Fp32, R"({"x": [[1], 2]})"), HasSubstr("ragged"));
  EXPECT_THAT(refused(DataType::Fp32, R"({"x": [1, [2]]})"), HasSubstr("a list is no FP32"));
  EXPECT_THAT(refused(DataType::Fp32, R"({"x": [null]})"), HasSubstr("null is no FP32"));
  EXPECT_THAT(refused(DataType::Fp32, R"({"x": {"y": 1}})"), HasSubstr("an object is no FP32"));
}

TEST(JsonTensors, ShapeAndDataMustAgree) {
  const auto message = [](std::string_view shape, std::string_view data) {
    const auto tensors = readJsonTensors(protocol("FP32", shape, data), nullptr);
    EXPECT_FALSE(tensors);
    return tensors ? std::string() : tensors.error().message;
  };
  EXPECT_EQ(message("[3]", "[1, 2]"), "tensor 't': shape [3] needs 3 values, the data has 2");
  EXPECT_THAT(message("[4]", "[[1, 2], [3, 4]]"), HasSubstr("nested as [2, 2]"));
  EXPECT_THAT(message("[1000000000000]", "[]"), HasSubstr("needs 1000000000000 values"));
  EXPECT_THAT(message("[9223372036854775807, 9]", "[]"), HasSubstr("\"shape\" must be"));
  for (const auto* shape : {"[-1]", "[1.5]", "[\"1\"]", "7", "null", "[[1]]"}) {
    EXPECT_THAT(message(shape, "[1]"), HasSubstr("\"shape\" must be")) << shape;
  }
}

TEST(JsonTensors, IncompleteRequests) {
  const auto message = [](std::string_view text) {
    const auto tensors = readJsonTensors(text, nullptr);
    EXPECT_FALSE(tensors);
    return tensors ? std::string() : tensors.error().message;
  };
  EXPECT_THAT(message(R"({"inputs": [{}]})"), HasSubstr("no \"name\""));
  EXPECT_THAT(message(R"({"inputs": [{"name": "x"}]})"), HasSubstr("no \"datatype\""));
  EXPECT_THAT(message(R"({"inputs": [{"name": "x", "datatype": "FLOAT"}]})"),
              HasSubstr("unknown datatype 'FLOAT'"));
  EXPECT_THAT(message(R"({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]})"),
              HasSubstr("no \"data\""));
  EXPECT_THAT(message(R"({"inputs": [{"name": "x"}, 5]})"), HasSubstr("\"datatype\""));
  EXPECT_THAT(message(R"({"x": [1]})"), HasSubstr("types of these tensors are not known"));
  EXPECT_THAT(message("[1]"), HasSubstr("are an object"));
  EXPECT_THAT(message("123"), HasSubstr(""));
}

TEST(JsonTensors, BrokenJson) {
  for (const auto* text :
       {"", "{", R"({"x": [1, 2})", R"({"x": [1,]})", R"({"x": [01]})", "nope", R"({"x": [NaN]})",
        R"({"x": "abc)", R"({"x": [1]} extra)", "{\"x\": \"\xff\"}", "12"}) {
    EXPECT_FALSE(readAs(DataType::Fp32, text)) << text;
  }
  EXPECT_THAT(refused(DataType::Fp32, R"({"x": [1, 2})"), HasSubstr("no valid JSON at byte"));
  EXPECT_THAT(refused(DataType::Fp32, "{\"x\":" + std::string(100'000, '[')), HasSubstr("JSON"));
}

TEST(JsonTensors, ASingleArrayIsToldFromAnArchive) {
  const auto tensors =
      readTensors(Bytes::copyOf(std::string_view("\x93NUMPY\x01\x00v", 9)), nullptr);
  ASSERT_FALSE(tensors);
  EXPECT_THAT(tensors.error().message, HasSubstr(".npy"));
  EXPECT_THAT(tensors.error().hint, HasSubstr("numpy.savez"));
}

TEST(JsonTensors, UnknownAndDoubledNames) {
  EXPECT_EQ(refused(DataType::Fp32, R"({"y": [1]})"), "the model has no input 'y'");
  EXPECT_THAT(refused(DataType::Fp32, R"({"x": [1], "x": [2]})"), HasSubstr("given twice"));
}

TEST(JsonTensors, WritesTheProtocolsResponse) {
  const std::array<float, 3> floats{1.0F, 0.1F, -2.5F};
  const std::array<std::int64_t, 1> big{9007199254740993};
  const std::vector<Tensor> outputs{Tensor::of<float>("y", DataType::Fp32, {1, 3}, floats),
                                    Tensor::of<std::int64_t>("n\"", DataType::Int64, {}, big)};
  EXPECT_EQ(*writeJsonTensors("m", outputs),
            R"({"model_name":"m","outputs":[{"name":"y","shape":[1, 3],"datatype":"FP32",)"
            R"("data":[1,0.1,-2.5]},{"name":"n\"","shape":[],"datatype":"INT64",)"
            R"("data":[9007199254740993]}]})");
  EXPECT_EQ(*writeJsonTensors("m", {}), R"({"model_name":"m","outputs":[]})");
}

/// Writes, turns the response into a request and reads it back.
Tensor roundTrip(const Tensor& tensor) {
  auto text = *writeJsonTensors("m", std::span(&tensor, 1));
  text.replace(text.find("\"outputs\""), 9, "\"inputs\"");
  auto read = readJsonTensors(text, nullptr);
  EXPECT_TRUE(read) << read.error().describe() << text;
  return read ? read->front() : Tensor{};
}

TEST(JsonTensors, EveryTypeRoundTripsBitByBit) {
  std::mt19937_64 random(7);
  for (int i = 0; i < static_cast<int>(DataType::Bytes); ++i) {
    const auto type = static_cast<DataType>(i);
    std::vector<std::byte> bytes(400 * elementSize(type));
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    if (type == DataType::Bool) {
      for (auto& byte : bytes) byte &= std::byte{1};
    }
    const Tensor tensor{"t", type, {20, 20}, Bytes::adopt(std::move(bytes))};
    const auto back = roundTrip(tensor);
    const auto again = *writeJsonTensors("m", std::span(&back, 1));
    EXPECT_EQ(again, *writeJsonTensors("m", std::span(&tensor, 1))) << dataTypeName(type);
    for (std::size_t at = 0; type == DataType::Fp32 && at < 400; ++at) {
      const auto value = tensor.as<float>()[at];
      if (!std::isnan(value)) {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(back.as<float>()[at]),
                  std::bit_cast<std::uint32_t>(value));
      }
    }
    if (type != DataType::Fp16 && type != DataType::Bf16 && type != DataType::Fp32 &&
        type != DataType::Fp64) {
      EXPECT_EQ(back.data.text(), tensor.data.text()) << dataTypeName(type);
    }
  }
}

TEST(JsonTensors, WhatJsonHasNoNumberFor) {
  const std::array<float, 3> odd{std::nanf(""), std::numeric_limits<float>::infinity(),
                                 -std::numeric_limits<float>::infinity()};
  const auto tensor = Tensor::of<float>("t", DataType::Fp32, {3}, odd);
  EXPECT_THAT(*writeJsonTensors("m", std::span(&tensor, 1)),
              HasSubstr(R"(["NaN","Infinity","-Infinity"])"));
  const auto back = roundTrip(tensor);
  EXPECT_TRUE(std::isnan(back.as<float>()[0]));
  EXPECT_EQ(back.as<float>()[1], odd[1]);
  EXPECT_EQ(back.as<float>()[2], odd[2]);
}

TEST(JsonTensors, StringsThatAreNoTextCannotBeWritten) {
  const Tensor good{"t", DataType::Bytes, {1}, Bytes::copyOf(std::string("\x02\0\0\0\"\n", 6))};
  EXPECT_THAT(*writeJsonTensors("m", std::span(&good, 1)), HasSubstr(R"(["\"\n"])"));
  EXPECT_EQ(roundTrip(good).data.text(), good.data.text());
  const Tensor bad{"t", DataType::Bytes, {1}, Bytes::copyOf(std::string("\x01\0\0\0\xff", 5))};
  const auto written = writeJsonTensors("m", std::span(&bad, 1));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().category, ErrorCategory::Unsupported);
}

}  // namespace
}  // namespace webpool::onnx
