#include "api/openai/chat.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

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
  EXPECT_EQ(refused(R"(, "tool_choice": {"type": "function"},
                         "tools": [{"type": "function", "function": {"name": "f"}}])")
                .category,
            ErrorCategory::Unsupported);
  EXPECT_FALSE(parseChat("[]"));
  EXPECT_FALSE(parseChat(R"({"model": "m", "messages": []})"));
  EXPECT_EQ(parseChat(R"({"model": "m", "messages": [{"role": "user", "content":
                         [{"type": "image_url"}]}]})")
                .error()
                .category,
            ErrorCategory::Unsupported);
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
