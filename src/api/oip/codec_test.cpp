#include "api/oip/codec.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace webpool::api::oip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string messageOf(std::string body, std::string_view length = {}) {
  const auto parsed = parseInfer(Bytes::adopt(std::move(body)), length);
  return parsed ? "" : parsed.error().message;
}

TEST(OipCodec, ReadsJsonAndItsParameters) {
  const auto request =
      parseInfer(Bytes::copyOf(std::string_view(
                     R"({"id":"7","parameters":{"priority":1,"timeout":2500,"x":true},
              "inputs":[{"name":"a","shape":[1,2],"datatype":"INT64","data":[[9007199254740993,-1]]},
                        {"name":"t","shape":[1],"datatype":"BYTES","data":["hi"]}],
              "outputs":[{"name":"o","parameters":{"binary_data":true}},{"name":"p"}]})")),
                 {});
  ASSERT_TRUE(request) << request.error().describe();
  EXPECT_EQ(request->id, "7");
  EXPECT_EQ(request->schedule.priority, 1u);
  EXPECT_EQ(request->schedule.timeout, std::chrono::microseconds(2500));
  EXPECT_EQ(request->parameters, (boost::json::object{{"x", true}}));
  ASSERT_EQ(request->inputs.size(), 2u);
  EXPECT_THAT(request->inputs[0].as<std::int64_t>(), ElementsAre(9007199254740993, -1));
  EXPECT_EQ(request->inputs[1].data.text(), std::string_view("\2\0\0\0hi", 6));
  EXPECT_EQ(request->outputs[0].binary, true);
  EXPECT_FALSE(request->outputs[1].binary);
}

TEST(OipCodec, ParametersKeepTheirTypesAndNesting) {
  const auto request = parseInfer(
      Bytes::copyOf(std::string_view(
          R"({"parameters":{"s":"a\"\u00fc","i":-3,"u":18446744073709551615,"d":0.25,"n":null,"f":false,
              "l":[1,[true],{}],"o":{"x":{"y":"z"}},"binary_data_output":true},"inputs":[]})")),
      {});
  ASSERT_TRUE(request) << request.error().describe();
  EXPECT_TRUE(request->binaryOutputs);
  EXPECT_EQ(request->parameters,
            boost::json::parse(R"({"s":"a\"ü","i":-3,"u":18446744073709551615,"d":0.25,"n":null,
                "f":false,"l":[1,[true],{}],"o":{"x":{"y":"z"}}})")
                .as_object());
}

TEST(OipCodec, AnInputGivenTwiceIsRefusedHoweverMany) {
  const auto body = [](int others) {
    std::string inputs = R"({"name":"a","shape":[1],"datatype":"UINT8","data":[1]})";
    auto all = inputs;
    for (int i = 0; i < others; ++i) {
      all += fmt::format(R"(,{{"name":"n{}","shape":[1],"datatype":"UINT8","data":[1]}})", i);
    }
    return fmt::format(R"({{"inputs":[{},{}]}})", all, inputs);
  };
  EXPECT_THAT(messageOf(body(0)), HasSubstr("'a' is given twice"));
  EXPECT_THAT(messageOf(body(100)), HasSubstr("'a' is given twice"));
}

TEST(OipCodec, ReadsBinaryTensorsInOrder) {
  const std::string head =
      R"({"inputs":[{"name":"a","shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":2}},
          {"name":"j","shape":[1],"datatype":"UINT8","data":[5]},
          {"name":"b","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]})";
  const auto body = Bytes::adopt(head + std::string("\1\2\1\0\0\0z", 7));
  const auto request = parseInfer(body, std::to_string(head.size()));
  ASSERT_TRUE(request) << request.error().describe();
  EXPECT_EQ(request->inputs[0].data.text(), "\1\2");
  EXPECT_EQ(request->inputs[0].data.data(), body.data() + head.size()) << "no copy";
  EXPECT_EQ(request->inputs[1].data.text(), "\5");
  EXPECT_EQ(request->inputs[2].data.text(), std::string_view("\1\0\0\0z", 5));
}

TEST(OipCodec, SaysWhatIsWrong) {
  EXPECT_THAT(messageOf("{"), HasSubstr("no JSON object"));
  EXPECT_THAT(messageOf("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(messageOf("{}"), HasSubstr("no list of inputs"));
  EXPECT_THAT(messageOf(R"({"inputs":[1]})"), HasSubstr("no object"));
  EXPECT_THAT(messageOf("{}", "3"), HasSubstr("Inference-Header-Content-Length"));
  EXPECT_THAT(messageOf("{}", "-1"), HasSubstr("Inference-Header-Content-Length"));
  EXPECT_FALSE(
      messageOf(R"({"inputs":[{"name":"a","shape":[3],"datatype":"FP32","data":[1]}]})").empty());
  const std::string big = R"({"inputs":[{"name":"a","shape":[2],"datatype":"UINT8",)"
                          R"("parameters":{"binary_data_size":18446744073709551615}}]})";
  EXPECT_THAT(messageOf(big + "xx", std::to_string(big.size())), HasSubstr("more than"));
  const std::string shape = R"({"inputs":[{"name":"a","shape":[4],"datatype":"UINT8",)"
                            R"("parameters":{"binary_data_size":2}}]})";
  EXPECT_FALSE(messageOf(shape + "xx", std::to_string(shape.size())).empty());
  EXPECT_FALSE(messageOf(shape + "xxx", std::to_string(shape.size())).empty());
}

TEST(OipCodec, WhatIsNotDoneIsRefusedByName) {
  const auto asked = [](const std::string& parameters, const std::string& input,
                        const std::string& output) {
    return messageOf(fmt::format(
        R"({{"parameters":{{{}}},"inputs":[{{"name":"a","shape":[1],"datatype":"UINT8",
            "parameters":{{{}}},"data":[1]}}],"outputs":[{{"name":"o","parameters":{{{}}}}}]}})",
        parameters, input, output));
  };
  EXPECT_EQ(asked("", "", R"("binary_data":true)"), "");
  EXPECT_EQ(asked("", "", R"("classification":3)"), "");
  EXPECT_THAT(asked("", "", R"("classification":-1)"), HasSubstr("classification"));
  EXPECT_THAT(asked("", "", R"("classification":1.5)"), HasSubstr("classification"));
  EXPECT_THAT(asked("", "", R"("classification":"all")"), HasSubstr("classification"));
  EXPECT_THAT(asked("", "", R"("top_k":3)"), HasSubstr("top_k"));
  EXPECT_THAT(asked("", "", R"("binary_data":1)"), HasSubstr("binary_data"));
  EXPECT_THAT(asked("", R"("shared_memory_region":"r")", ""), HasSubstr("shared_memory_region"));
  EXPECT_THAT(asked(R"("binary_data_output":1)", "", ""), HasSubstr("binary_data_output"));
  EXPECT_THAT(asked(R"("timeout":-1)", "", ""), HasSubstr("timeout"));
  EXPECT_THAT(asked(R"("priority":"high")", "", ""), HasSubstr("priority"));
}

TEST(OipCodec, AFieldThatIsNotKnownIsRefusedByName) {
  const auto asked = [](const std::string& top, const std::string& input,
                        const std::string& output) {
    return messageOf(fmt::format(
        R"({{"inputs":[{{"name":"a","shape":[1],"datatype":"UINT8","data":[1]{}}}],
            "outputs":[{{"name":"o"{}}}]{}}})",
        input, output, top));
  };
  EXPECT_EQ(asked("", "", ""), "");
  EXPECT_EQ(asked(R"(,"id":"1","parameters":{})", R"(,"parameters":{})", R"(,"parameters":null)"),
            "");
  EXPECT_EQ(asked(R"(,"model_version":null)", "", ""), "");
  EXPECT_THAT(asked(R"(,"timeout":1)", "", ""), HasSubstr("timeout: there is no such field"));
  EXPECT_THAT(asked("", R"(,"dtype":"FP32")", ""), HasSubstr("input's dtype: there is no such"));
  EXPECT_THAT(asked("", "", R"(,"binary_data":true)"), HasSubstr("output's binary_data: there is"));
  EXPECT_THAT(asked(R"(,"parameters":1)", "", ""), HasSubstr("parameters: no object"));
  EXPECT_THAT(asked("", R"(,"parameters":[])", ""), HasSubstr("input's parameters: no object"));
}

TEST(OipCodec, WritesJsonAndBinaryOutputs) {
  const std::vector<float> values{1, 2.5};
  Inference inference;
  inference.outputs = {
      Tensor::of<float>("o", DataType::Fp32, {2}, values),
      Tensor{"t", DataType::Bytes, {1}, Bytes::copyOf(std::string_view("\1\0\0\0z", 5))}};
  inference.ranOn.label = "wasm";
  InferRequest request{.id = "7"};
  auto answer = writeInfer("m", request, inference);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->headerLength);
  const auto parsed = boost::json::parse(answer->body);
  EXPECT_EQ(parsed.at("id"), "7");
  EXPECT_EQ(parsed.at("parameters").at("backend"), "wasm");
  EXPECT_EQ(parsed.at("outputs").at(0).at("data"), (boost::json::array{1, 2.5}));
  EXPECT_EQ(parsed.at("outputs").at(1).at("data"), (boost::json::array{"z"}));

  request.outputs = {{.name = "t", .binary = false}, {.name = "o", .binary = true}};
  answer = writeInfer("m", request, inference);
  ASSERT_TRUE(answer && answer->headerLength);
  EXPECT_EQ(answer->body.substr(*answer->headerLength), inference.outputs[0].data.text());
  EXPECT_THAT(answer->body, HasSubstr("\"binary_data_size\":8"));
  request.outputs = {{"none"}};
  EXPECT_EQ(writeInfer("m", request, inference).error().category, ErrorCategory::InvalidInput);
}

TEST(OipCodec, AnEarlierAnswerAndALowerPrecisionAreTold) {
  Inference inference;
  inference.timings.totalMs = 2;
  const auto parametersOf = [&](std::string_view loweredFrom) {
    const auto answer = writeInfer("m", {}, inference, {}, loweredFrom);
    return boost::json::parse(answer->body).at("parameters").as_object();
  };
  const auto usual = parametersOf("");
  EXPECT_TRUE(usual.contains("run_ms"));
  EXPECT_FALSE(usual.contains("cached"));
  EXPECT_FALSE(usual.contains("lowered_from"));
  inference.cached = true;
  const auto earlier = parametersOf("fp32");
  EXPECT_EQ(earlier.at("cached"), true);
  EXPECT_EQ(earlier.at("lowered_from"), "fp32");
  EXPECT_FALSE(earlier.contains("run_ms"));
  EXPECT_FALSE(earlier.contains("queue_ms"));
  EXPECT_EQ(earlier.at("total_ms").to_number<double>(), 2);
}

TEST(OipCodec, ClassesAreTextsInJsonAndInBinary) {
  const std::vector<float> values{1, 5, 10, 4};
  Inference inference;
  inference.outputs = {
      Tensor::of<float>("o", DataType::Fp32, {2, 2}, values),
      Tensor{"t", DataType::Bytes, {1}, Bytes::copyOf(std::string_view("\1\0\0\0z", 5))}};
  InferRequest request;
  request.outputs = {{.name = "o", .classes = 1}};
  auto answer = writeInfer("m", request, inference);
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(boost::json::parse(answer->body).at("outputs"),
            boost::json::parse(R"([{"name": "o", "shape": [2, 1], "datatype": "BYTES",
                                    "data": ["5:1", "10:0"]}])"));
  request.outputs = {{.name = "o", .binary = true, .classes = 1}};
  answer = writeInfer("m", request, inference);
  ASSERT_TRUE(answer && answer->headerLength);
  EXPECT_EQ(answer->body.substr(*answer->headerLength),
            std::string_view("\3\0\0\0005:1\4\0\0\00010:0", 15));
  request.outputs = {{.name = "t", .classes = 1}};
  EXPECT_EQ(writeInfer("m", request, inference).error().category, ErrorCategory::InvalidInput);
}

TEST(OipCodec, WhatNeedsEscapingIsEscaped) {
  Inference inference;
  inference.outputs = {Tensor{
      "a\"b\\", DataType::Bytes, {2}, Bytes::copyOf(std::string_view("\1\0\0\0\n\1\0\0\0\"", 10))}};
  inference.ranOn.browser = "a \"browser\"\t";
  inference.timings = {.queueMs = 0, .runMs = 0.1, .totalMs = 1e300};
  const auto answer = writeInfer("m\n", {.id = "\x01"}, inference);
  ASSERT_TRUE(answer);
  const auto parsed = boost::json::parse(answer->body);
  EXPECT_EQ(parsed.at("model_name"), "m\n");
  EXPECT_EQ(parsed.at("id"), "\x01");
  EXPECT_EQ(parsed.at("parameters").at("browser"), "a \"browser\"\t");
  EXPECT_EQ(parsed.at("parameters").at("queue_ms").to_number<double>(), 0);
  EXPECT_EQ(parsed.at("parameters").at("run_ms").to_number<double>(), 0.1);
  EXPECT_EQ(parsed.at("parameters").at("total_ms").to_number<double>(), 1e300);
  EXPECT_EQ(parsed.at("outputs").at(0).at("name"), "a\"b\\");
  EXPECT_EQ(parsed.at("outputs").at(0).at("data"), (boost::json::array{"\n", "\""}));
}

TEST(OipCodec, TheConfigurationHasTritonsWords) {
  ModelInfo info;
  info.inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}};
  info.outputs = {{"embedding", DataType::Fp32, {-1, 384}, {"n", ""}, true}};
  const auto told = config("m", info);
  EXPECT_EQ(told.at("name"), "m");
  EXPECT_EQ(told.at("max_batch_size").to_number<int>(), 0);
  EXPECT_EQ(told.at("input"),
            boost::json::parse(R"([{"name": "text", "data_type": "TYPE_STRING", "dims": [-1]}])"));
  EXPECT_EQ(told.at("output").at(0).at("data_type"), "TYPE_FP32");
}

}  // namespace
}  // namespace webpool::api::oip
