#include "tasks/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

namespace webpool::tasks {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

/// Each element of a BYTES tensor.
std::vector<json::object> elements(const Tensor& tensor) {
  std::vector<json::object> list;
  auto text = tensor.data.text();
  while (!text.empty()) {
    std::uint32_t length = 0;
    std::memcpy(&length, text.data(), sizeof(length));
    list.push_back(json::parse(text.substr(4, length)).as_object());
    text.remove_prefix(4 + length);
  }
  return list;
}

Tensor textTensor(const std::string& text) {
  const auto length = static_cast<std::uint32_t>(text.size());
  return {"text",
          DataType::Bytes,
          {1},
          Bytes::adopt(std::string(reinterpret_cast<const char*>(&length), 4) + text)};
}

TEST(Chat, MessagesAreElementsInTheirOrder) {
  const auto tensor = messagesTensor({{"system", "Be \"brief\"."}, {"user", "grüße 🌍"}});
  ASSERT_TRUE(tensor);
  EXPECT_TRUE(tensor->validate());
  const auto list = elements(*tensor);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].at("role"), "system");
  EXPECT_EQ(list[0].at("content"), "Be \"brief\".");
  EXPECT_EQ(list[1].at("content"), "grüße 🌍");
}

TEST(Chat, ACallAndItsResultNameEachOther) {
  const Message call{"assistant", "", {{"c1", "weather", R"({"city":"Paris"})"}}, ""};
  const auto tensor = messagesTensor({{"user", "?"}, call, {"tool", "rain", {}, "c1"}});
  ASSERT_TRUE(tensor);
  const auto list = elements(*tensor);
  EXPECT_EQ(list[1].at("tool_calls").at(0).at("function").at("name"), "weather");
  EXPECT_EQ(list[2].at("tool_call_id"), "c1");
}

TEST(Chat, WhatIsNoConversationIsNamed) {
  EXPECT_EQ(messagesTensor({}).error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(messagesTensor({{"robot", "x"}}).error().message, HasSubstr("robot"));
  EXPECT_EQ(messagesTensor({{"user", "\xff"}}).error().category, ErrorCategory::InvalidInput);
}

TEST(Chat, OptionsBecomeParameters) {
  const auto parameters = chatParameters({.maxTokens = 7,
                                          .temperature = 0.5,
                                          .topP = 0.9,
                                          .topK = 3,
                                          .seed = 42,
                                          .stop = {"."},
                                          .tools = {{"f", "does", ""}},
                                          .toolChoice = ToolChoice::Required,
                                          .tokenIds = true});
  ASSERT_TRUE(parameters);
  EXPECT_EQ(parameters->at("max_tokens"), 7u);
  EXPECT_EQ(parameters->at("top_k"), 3u);
  EXPECT_EQ(parameters->at("seed"), 42u);
  EXPECT_EQ(parameters->at("stop").at(0), ".");
  EXPECT_EQ(parameters->at("return_tokens"), true);
  EXPECT_EQ(parameters->at("tool_choice"), "required");
  EXPECT_EQ(parameters->at("tools").at(0).at("function").at("parameters").at("type"), "object");
  EXPECT_FALSE(chatParameters({})->contains("seed"));
  EXPECT_FALSE(chatParameters({})->contains("raw"));
  EXPECT_EQ(chatParameters({.raw = true})->at("raw"), true);
}

TEST(Chat, OptionsThatMakeNoSenseAreRefused) {
  constexpr auto kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(chatParameters({.maxTokens = 0}));
  EXPECT_FALSE(chatParameters({.temperature = -1}));
  EXPECT_FALSE(chatParameters({.temperature = 2.5}));
  EXPECT_TRUE(chatParameters({.temperature = 2}));
  EXPECT_FALSE(chatParameters({.temperature = kNan}));
  EXPECT_FALSE(chatParameters({.topP = 1.5}));
  EXPECT_FALSE(chatParameters({.topP = kNan}));
  EXPECT_FALSE(chatParameters({.seed = std::numeric_limits<std::uint32_t>::max()}));
  EXPECT_FALSE(chatParameters({.stop = {""}}));
  EXPECT_FALSE(chatParameters({.tools = {{"f", "", "no JSON"}}}));
  EXPECT_FALSE(chatParameters({.tools = {{"f", "", ""}}, .raw = true}));
}

TEST(Chat, ToolsThatAreNoneAreRefused) {
  const auto refused = [](const GenerationOptions& options) {
    const auto parameters = chatParameters(options);
    return parameters ? Error{ErrorCategory::Internal, "taken", ""} : parameters.error();
  };
  const auto zzz =
      refused({.tools = {{"g", "", ""}, {"f", "", R"({"properties": {"a": {"type": "zzz"}}})"}}});
  EXPECT_EQ(zzz.category, ErrorCategory::InvalidInput);
  EXPECT_EQ(zzz.message, R"(the tool 'f': parameters.properties.a.type is "zzz")");
  for (const Tool& tool : {Tool{"f", "", "[]"}, Tool{"f", "", "{"}, Tool{"", "", ""},
                           Tool{"\xff", "", ""}, Tool{"f", "\xff", ""}}) {
    EXPECT_EQ(refused({.tools = {tool}}).category, ErrorCategory::InvalidInput) << tool.parameters;
  }
  EXPECT_EQ(refused({.toolChoice = ToolChoice::Required}).category, ErrorCategory::InvalidInput)
      << "there is no tool to call";
  EXPECT_EQ(refused({.toolChoice = ToolChoice::None}).message, "taken");
}

TEST(Chat, AnAnswerIsTextAndDetails) {
  Inference inference;
  inference.outputs = {
      textTensor("Paris."),
      Tensor::of<std::int64_t>("tokens", DataType::Int64, {2}, std::array<std::int64_t, 2>{5, 6})};
  inference.details =
      R"({"finish_reason":"length","prompt_tokens":30,"cached_tokens":20,"completion_tokens":2,)"
      R"("prompt_ms":12.5,"decode_ms":100,"tool_calls":[]})";
  Generation answer;
  ASSERT_TRUE(readAnswer(inference, answer));
  EXPECT_EQ(answer.text, "Paris.");
  EXPECT_EQ(answer.tokens, (std::vector<std::int64_t>{5, 6}));
  EXPECT_EQ(answer.finish, FinishReason::Length);
  EXPECT_EQ(answer.promptTokens, 30u);
  EXPECT_EQ(answer.cachedTokens, 20u);
  EXPECT_DOUBLE_EQ(answer.tokensPerSecond(), 20);
}

TEST(Chat, ToolCallsEndAnAnswerWhateverItsReasonIsCalled) {
  Inference inference;
  inference.outputs = {textTensor("")};
  inference.details =
      R"({"finish_reason":"stop","tool_calls":[{"id":"1","name":"f","arguments":"{}"}]})";
  Generation answer;
  ASSERT_TRUE(readAnswer(inference, answer));
  EXPECT_EQ(answer.finish, FinishReason::ToolCalls);
  EXPECT_EQ(answer.toolCalls, (std::vector<ToolCall>{{"1", "f", "{}"}}));
}

TEST(Chat, ACallCanBeCutOff) {
  Inference inference;
  inference.outputs = {textTensor("")};
  inference.details =
      R"({"finish_reason":"length","tool_calls":[{"id":"1","name":"f","arguments":"{\"a"}]})";
  Generation answer;
  ASSERT_TRUE(readAnswer(inference, answer));
  EXPECT_EQ(answer.finish, FinishReason::Length);
  EXPECT_EQ(answer.toolCalls, (std::vector<ToolCall>{{"1", "f", "{\"a"}}));
}

TEST(Chat, AnAnswerThatIsNoneIsAFaultOfThePage) {
  Generation answer;
  for (const auto* details : {"", "[]", R"({"tool_calls":[1]})"}) {
    Inference inference;
    inference.outputs = {textTensor("x")};
    inference.details = details;
    const auto read = readAnswer(inference, answer);
    ASSERT_FALSE(read) << details;
    EXPECT_EQ(read.error().category, ErrorCategory::Protocol);
  }
  Inference none;
  none.details = "{}";
  EXPECT_FALSE(readAnswer(none, answer));
}

TEST(Chat, WhatCanNotFitIsRefusedWithoutABrowser) {
  LanguageInfo language;
  language.context = 10;
  language.longestToken = 4;
  EXPECT_TRUE(checkLength({{"user", std::string(40, 'a')}}, language));
  const auto refused = checkLength({{"user", std::string(40, 'a')}, {"user", "aaaa"}}, language);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::InvalidInput);
  EXPECT_THAT(refused.error().message, HasSubstr("context of 10 tokens"));
  LanguageInfo unknown;
  unknown.context = 10;
  EXPECT_TRUE(checkLength({{"user", std::string(4000, 'a')}}, unknown));
}

}  // namespace
}  // namespace webpool::tasks
