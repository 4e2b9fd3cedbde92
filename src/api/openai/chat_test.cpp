#include "api/openai/chat.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "api/openai/errors.h"

namespace webpool::api::openai {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(OpenAiChat, EverythingThatCanBeAsked) {
  const auto read = parseChat(R"({"model": "m", "messages": [
      {"role": "developer", "content": "Be short."},
      {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
      {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function",
          "function": {"name": "f", "arguments": "{}"}}]},
      {"role": "tool", "tool_call_id": "1", "content": "42"}],
      "temperature": 0, "top_p": 0.5, "seed": 7, "max_completion_tokens": 5, "stop": ["x", "y"],
      "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
      "tool_choice": "required", "stream": true, "stream_options": {"include_usage": true}})");
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(read->messages[0], (Message{"system", "Be short."}));
  EXPECT_EQ(read->messages[1].content, "ab");
  EXPECT_THAT(read->messages[2].toolCalls, ElementsAre(ToolCall{"1", "f", "{}"}));
  EXPECT_EQ(read->messages[3].toolCallId, "1");
  const auto& options = read->generation;
  EXPECT_EQ(options.temperature, 0);
  EXPECT_EQ(options.topP, 0.5);
  EXPECT_EQ(options.seed, 7U);
  EXPECT_EQ(options.maxTokens, 5U);
  EXPECT_THAT(options.stop, ElementsAre("x", "y"));
  ASSERT_EQ(options.tools.size(), 1U);
  EXPECT_EQ(options.tools[0].parameters, R"({"type":"object"})");
  EXPECT_EQ(options.toolChoice, ToolChoice::Required);
  EXPECT_TRUE(read->stream && read->includeUsage);
}

TEST(OpenAiChat, WhatIsWrongIsNamed) {
  const auto refused = [](const std::string& more) {
    const auto request =
        parseChat(R"({"model": "m", "messages": [{"role": "user", "content": "a"}])" + more + "}");
    return request ? Error{ErrorCategory::Internal, "it was taken", {}} : request.error();
  };
  EXPECT_EQ(refused("").message, "it was taken");
  EXPECT_EQ(refused(R"(, "n": 2)").category, ErrorCategory::Unsupported);
  EXPECT_THAT(refused(R"(, "temperature": 3)").message, StartsWith("temperature:"));
  EXPECT_THAT(refused(R"(, "temperature": "hot")").message, StartsWith("temperature:"));
  EXPECT_THAT(refused(R"(, "seed": -1)").message, StartsWith("seed:"));
  EXPECT_THAT(refused(R"(, "max_tokens": 0)").message, StartsWith("max_tokens:"));
  EXPECT_THAT(refused(R"(, "stop": [1])").message, StartsWith("stop:"));
  EXPECT_THAT(refused(R"(, "tools": [{}])").message, StartsWith("tools:"));
  EXPECT_EQ(refused(R"(, "tool_choice": {"type": "function"})").category,
            ErrorCategory::InvalidInput)
      << "there is no tool";
  EXPECT_THAT(refused(R"(, "tool_choice": {"type": "function"})").message,
              StartsWith("tool_choice:"));
  EXPECT_THAT(refused(R"(, "max_tokens": 2.5)").message, StartsWith("max_tokens:"));
  EXPECT_EQ(refused(R"(, "max_tokens": 2.0)").message, "it was taken");
  EXPECT_THAT(refused(R"(, "seed": 1.5)").message, StartsWith("seed:"));
  EXPECT_FALSE(parseChat("[]"));
  EXPECT_FALSE(parseChat(R"({"model": "m", "messages": []})"));
  EXPECT_EQ(parseChat(R"({"model": "m", "messages": [{"role": "user", "content":
                         [{"type": "image_url"}]}]})")
                .error()
                .category,
            ErrorCategory::Unsupported);
}

TEST(OpenAiChat, TheCacheKeyNamesTheConversation) {
  const auto parse = [](const std::string& more) {
    return parseChat(R"({"model": "m", "messages": [{"role": "user", "content": "a"}])" + more +
                     "}");
  };
  EXPECT_EQ(parse(R"(, "prompt_cache_key": "c")")->generation.conversation, "c");
  EXPECT_EQ(parse("")->generation.conversation, "");
  EXPECT_EQ(paramOf(parse(R"(, "prompt_cache_key": 5)").error()), "prompt_cache_key");
}

TEST(OpenAiChat, AToolsResultAnswersACallBeforeIt) {
  const auto parse = [](const std::string& function, const std::string& result) {
    return parseChat(R"({"model": "m", "messages": [{"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": )" +
                     function + R"(}]}, {"role": "tool", "content": "42")" + result + "}]}");
  };
  const std::string called = R"({"name": "f", "arguments": "{\"a"})";
  EXPECT_TRUE(parse(called, R"(, "tool_call_id": "1")")) << "arguments are as a model wrote them";
  const auto other = parse(called, R"(, "tool_call_id": "2")");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("'2'"));
  EXPECT_EQ(paramOf(other.error()), "messages");
  EXPECT_FALSE(parse(called, ""));
  EXPECT_FALSE(parse(R"({"name": "f", "arguments": {"a": 1}})", R"(, "tool_call_id": "1")"));
  EXPECT_FALSE(parse(R"({"arguments": "{}"})", R"(, "tool_call_id": "1")"));
  EXPECT_FALSE(parseChat(R"({"model": "m", "messages": [
      {"role": "tool", "tool_call_id": "1", "content": "42"}]})"));
}

/// A request with one more field; empty: it was taken.
std::string paramRefused(const std::string& more) {
  const auto request = parseChat(
      R"({"model": "m", "messages": [{"role": "user", "content": "a"}], "tools": [{"type":
          "function", "function": {"name": "f"}}], )" +
      more + "}");
  return request ? std::string() : std::string(paramOf(request.error()));
}

TEST(OpenAiChat, WhatWouldChangeTheAnswerIsRefusedByName) {
  for (const auto& [param, value] : std::vector<std::pair<std::string, std::string>>{
           {"response_format", R"({"type": "json_object"})"},
           {"response_format", R"({"type": "json_schema", "json_schema": {}})"},
           {"logprobs", "true"},
           {"top_logprobs", "2"},
           {"frequency_penalty", "0.5"},
           {"presence_penalty", "-1"},
           {"logit_bias", R"({"5": 1})"},
           {"n", "2"},
           {"modalities", R"(["text", "audio"])"},
           {"functions", "[]"},
           {"parallel_tool_calls", "false"},
           {"reasoning_effort", R"("high")"},
           {"max_token", "5"},
           {"min_p", "0.1"}}) {
    EXPECT_EQ(paramRefused('"' + param + "\": " + value), param) << value;
  }
}

TEST(OpenAiChat, WhatChangesNothingIsTaken) {
  for (const auto* more :
       {R"("response_format": {"type": "text"})", R"("logprobs": false, "top_logprobs": 0)",
        R"("frequency_penalty": 0, "presence_penalty": 0.0, "n": 1)",
        R"("logit_bias": {}, "modalities": ["text"], "parallel_tool_calls": true)",
        R"("store": false, "metadata": {"a": "b"}, "service_tier": "auto", "min_p": null)"}) {
    EXPECT_EQ(paramRefused(more), "") << more;
  }
  const auto request = parseChat(R"({"model": "m", "messages": [{"role": "user", "content": "a"}],
      "user": "ann", "top_k": 3})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->user, "ann");
  EXPECT_EQ(request->generation.topK, 3U);
}

TEST(OpenAiChat, ANamedToolIsTheOnlyOneAndIsRequired) {
  const auto asked = [](const std::string& name) {
    return parseChat(R"({"model": "m", "messages": [{"role": "user", "content": "a"}], "tools": [
        {"type": "function", "function": {"name": "f"}},
        {"type": "function", "function": {"name": "g"}}],
        "tool_choice": {"type": "function", "function": {"name": ")" +
                     name + "\"}}}");
  };
  const auto chosen = asked("g");
  ASSERT_TRUE(chosen) << chosen.error().describe();
  ASSERT_EQ(chosen->generation.tools.size(), 1U);
  EXPECT_EQ(chosen->generation.tools[0].name, "g");
  EXPECT_EQ(chosen->generation.toolChoice, ToolChoice::Required);
  const auto none = asked("h");
  ASSERT_FALSE(none);
  EXPECT_EQ(paramOf(none.error()), "tool_choice");
}

TEST(OpenAiChat, TheAnswerAtOnce) {
  Generation said;
  said.text = "Paris.";
  said.promptTokens = 37;
  said.generatedTokens = 8;
  said.cachedTokens = 30;
  const auto body = boost::json::parse(chatBody({"chatcmpl-1", "m", 12}, said));
  const auto& choice = body.at("choices").at(0);
  EXPECT_EQ(choice.at("message").at("content"), "Paris.");
  EXPECT_EQ(choice.at("finish_reason"), "stop");
  EXPECT_EQ(body.at("usage").at("total_tokens").to_number<int>(), 45);
  EXPECT_EQ(body.at("usage").at("prompt_tokens_details").at("cached_tokens").to_number<int>(), 30);
}

TEST(OpenAiChat, TheAnswerAsEvents) {
  const AnswerHead answer{"chatcmpl-1", "m", 12};
  EXPECT_THAT(chatBegin(answer), HasSubstr(R"("role":"assistant")"));
  EXPECT_THAT(chatText(answer, "a\nb"), HasSubstr(R"("delta":{"content":"a\nb"})"));
  EXPECT_THAT(chatText(answer, "a\nb"), EndsWith("}\n\n"));
  Generation said;
  said.finish = FinishReason::ToolCalls;
  said.toolCalls = {{"1", "f", "{}"}};
  const auto end = chatEnd(answer, said, true);
  EXPECT_THAT(end, HasSubstr(R"("finish_reason":"tool_calls")"));
  EXPECT_THAT(end, HasSubstr(R"("index":0)"));
  EXPECT_THAT(end, HasSubstr(R"("choices":[],"usage")"));
  EXPECT_THAT(end, EndsWith("data: [DONE]\n\n"));
  EXPECT_THAT(chatEnd(answer, said, false), testing::Not(HasSubstr("usage")));
}

}  // namespace
}  // namespace webpool::api::openai
