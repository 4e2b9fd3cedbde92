#include "api/openai/completions.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace webpool::api::openai {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(OpenAiCompletions, EverythingThatCanBeAsked) {
  const auto read = parseCompletion(R"({"model": "m", "prompt": ["Once"], "max_tokens": 5,
      "temperature": 0, "top_p": 0.5, "seed": 7, "stop": ".", "n": 1, "best_of": 1, "echo": false,
      "logprobs": null, "logit_bias": {}, "presence_penalty": 0, "frequency_penalty": 0.0,
      "suffix": null, "user": "x", "stream": true, "stream_options": {"include_usage": true}})");
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(read->model, "m");
  EXPECT_EQ(read->prompt, "Once");
  EXPECT_TRUE(read->generation.raw);
  EXPECT_EQ(read->generation.maxTokens, 5U);
  EXPECT_EQ(read->generation.temperature, 0);
  EXPECT_EQ(read->generation.seed, 7U);
  EXPECT_THAT(read->generation.stop, ElementsAre("."));
  EXPECT_TRUE(read->stream && read->includeUsage);
  const auto plain = parseCompletion(R"({"model": "m", "prompt": "Once"})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->generation.maxTokens, 16U);
  EXPECT_EQ(plain->generation.temperature, 1);
  EXPECT_FALSE(plain->stream);
}

TEST(OpenAiCompletions, WhatIsNotDoneIsRefusedInsteadOfLeftOut) {
  const auto refused = [](const std::string& more) {
    const auto request = parseCompletion(R"({"model": "m", "prompt": "a")" + more + "}");
    return request ? Error{ErrorCategory::Internal, "it was taken", {}} : request.error();
  };
  for (const auto* more : {R"(, "suffix": "x")", R"(, "echo": true)", R"(, "logprobs": 0)",
                           R"(, "logit_bias": {"5": 1})", R"(, "presence_penalty": 0.5)",
                           R"(, "frequency_penalty": -1)", R"(, "n": 2)", R"(, "best_of": 3)"}) {
    EXPECT_EQ(refused(more).category, ErrorCategory::Unsupported) << more;
  }
  EXPECT_EQ(refused(R"(, "grammar": "x")").message, "grammar: there is no such parameter");
  EXPECT_THAT(refused(R"(, "echo": "yes")").message, StartsWith("echo:"));
  EXPECT_THAT(refused(R"(, "stream": 1)").message, StartsWith("stream:"));
  EXPECT_THAT(refused(R"(, "stream_options": 1)").message, StartsWith("stream_options:"));
  EXPECT_THAT(refused(R"(, "stop": 1)").message, StartsWith("stop:"));
}

TEST(OpenAiCompletions, APromptIsOneText) {
  const auto refused = [](const std::string& prompt) {
    const auto request = parseCompletion(R"({"model": "m", "prompt": )" + prompt + "}");
    return request ? Error{ErrorCategory::Internal, "it was taken", {}} : request.error();
  };
  for (const auto* prompt : {"[1, 2]", "[[1, 2]]", R"(["a", "b"])"}) {
    EXPECT_EQ(refused(prompt).category, ErrorCategory::Unsupported) << prompt;
  }
  for (const auto* prompt : {"null", "[]", "5", R"("")", R"([""])", "{}", "[{}]"}) {
    EXPECT_EQ(refused(prompt).category, ErrorCategory::InvalidArgument) << prompt;
  }
  EXPECT_FALSE(parseCompletion(R"({"prompt": "a"})"));
  EXPECT_FALSE(parseCompletion("[]"));
  EXPECT_FALSE(parseCompletion("{"));
}

TEST(OpenAiCompletions, TheAnswerAtOnceAndAsEvents) {
  const AnswerHead answer{"cmpl-1", "m", 12};
  Generation said;
  said.text = " upon a time";
  said.finish = FinishReason::Length;
  said.promptTokens = 2;
  said.generatedTokens = 3;
  const auto body = boost::json::parse(completionBody(answer, said));
  EXPECT_EQ(body.at("object"), "text_completion");
  EXPECT_EQ(body.at("choices").at(0).at("text"), " upon a time");
  EXPECT_EQ(body.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_EQ(body.at("usage").at("total_tokens").to_number<int>(), 5);
  EXPECT_THAT(completionText(answer, " upon"), HasSubstr(R"("text":" upon")"));
  EXPECT_THAT(completionText(answer, " upon"), HasSubstr(R"("finish_reason":null)"));
  const auto end = completionEnd(answer, said, true);
  EXPECT_THAT(end, HasSubstr(R"("finish_reason":"length")"));
  EXPECT_THAT(end, HasSubstr(R"("choices":[],"usage")"));
  EXPECT_THAT(end, EndsWith("data: [DONE]\n\n"));
  EXPECT_THAT(completionEnd(answer, said, false), testing::Not(HasSubstr("usage")));
}

}  // namespace
}  // namespace webpool::api::openai
