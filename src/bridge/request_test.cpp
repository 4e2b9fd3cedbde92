#include "bridge/request.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <fstream>

namespace webpool::bridge {
namespace {

using testing::HasSubstr;

boost::json::object object(std::string_view text) {
  return boost::json::parse(text).as_object();
}

TEST(Request, ATextBecomesAMessageWithItsOptions) {
  const auto content = withOptions(
      std::string("Hello"),
      object(R"({"max_tokens": 4, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 7,
                 "stop": "END", "tool_choice": "required", "conversation": "c",
                 "tools": [{"type": "function", "function": {"name": "weather",
                            "parameters": {"type": "object"}}}]})"));
  ASSERT_TRUE(content) << content.error().describe();
  const auto& request = std::get<GenerationRequest>(*content);
  ASSERT_EQ(request.messages.size(), 1U);
  EXPECT_EQ(request.messages[0], (Message{"user", "Hello"}));
  EXPECT_EQ(request.generation.maxTokens, 4U);
  EXPECT_EQ(request.generation.temperature, 0.5);
  EXPECT_EQ(request.generation.topP, 0.9);
  EXPECT_EQ(request.generation.topK, 3U);
  EXPECT_EQ(request.generation.seed, 7U);
  EXPECT_EQ(request.generation.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(request.generation.toolChoice, ToolChoice::Required);
  EXPECT_EQ(request.generation.conversation, "c");
  ASSERT_EQ(request.generation.tools.size(), 1U);
  EXPECT_EQ(request.generation.tools[0].name, "weather");
}

TEST(Request, WithoutOptionsContentStaysWhatItIs) {
  const auto content = withOptions(std::string("Hello"), {});
  ASSERT_TRUE(content);
  EXPECT_EQ(std::get<std::string>(*content), "Hello");
}

TEST(Request, LaterOptionsStandOverEarlierOnes) {
  auto content = withOptions(std::string("Hello"), object(R"({"max_tokens": 4, "seed": 7})"));
  ASSERT_TRUE(content);
  content = withOptions(std::move(*content), object(R"({"max_tokens": 5})"));
  ASSERT_TRUE(content);
  const auto& generation = std::get<GenerationRequest>(*content).generation;
  EXPECT_EQ(generation.maxTokens, 5U);
  EXPECT_EQ(generation.seed, 7U);
  EXPECT_EQ(optionsOf(*content), object(R"({"max_tokens": 5, "seed": 7})"));
}

TEST(Request, ASoundHasALanguage) {
  const auto content =
      withOptions(std::string("talk.mp3"), object(R"({"language": "de", "translate": true})"));
  ASSERT_TRUE(content) << content.error().describe();
  const auto& request = std::get<TranscriptionRequest>(*content);
  EXPECT_EQ(std::get<std::filesystem::path>(request.sound), "talk.mp3");
  EXPECT_EQ(request.transcribe.language, "de");
  EXPECT_TRUE(request.transcribe.translate);
  EXPECT_EQ(optionsOf(*content), object(R"({"language": "de", "translate": true})"));
}

TEST(Request, WhatCountsIsAWholeNumber) {
  const auto content = withOptions(
      std::string("x"), object(R"({"max_tokens": 4.0, "top_k": 3.0, "seed": 7.0, "top_p": 0.5})"));
  ASSERT_TRUE(content) << content.error().describe();
  EXPECT_EQ(optionsOf(*content),
            object(R"({"max_tokens": 4, "top_p": 0.5, "top_k": 3, "seed": 7})"));
  for (const std::string name : {"max_tokens", "max_completion_tokens", "top_k", "seed"}) {
    const auto refused = withOptions(std::string("x"), {{name, 4.5}});
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().category, ErrorCategory::InvalidArgument);
    EXPECT_EQ(refused.error().message, name + ": 4.5 is no whole number");
    EXPECT_THAT(refused.error().hint, HasSubstr(name));
  }
}

TEST(Request, AFileOfTextIsAPrompt) {
  const auto path = std::filesystem::path(testing::TempDir()) / "webpool-request-test.txt";
  std::ofstream(path) << "Hello";
  const auto content = withOptions(path, object(R"({"max_tokens": 4})"));
  ASSERT_TRUE(content) << content.error().describe();
  EXPECT_EQ(std::get<GenerationRequest>(*content).messages,
            (std::vector<Message>{{"user", "Hello"}}));
  std::ofstream(path) << "\xff";
  EXPECT_EQ(textOfFile(path).error().category, ErrorCategory::InvalidInput);
  EXPECT_THAT(withOptions(path, object(R"({"seed": 4})")).error().message, HasSubstr("'seed'"));
  std::filesystem::remove(path);
  EXPECT_EQ(withOptions(path, object(R"({"seed": 4})")).error().category, ErrorCategory::NotFound);
}

TEST(Request, TheTextOfAWholeAnswer) {
  EXPECT_EQ(wholeText(R"("Hello")"), "Hello");
  EXPECT_EQ(wholeText(R"({"text": "Hello", "tokens": 1})"), "Hello");
  for (const auto* other : {"[\"Hello\"]", "4", "{}", R"({"text": 4})", "no JSON"}) {
    EXPECT_EQ(wholeText(other), std::nullopt) << other;
  }
}

TEST(Request, WhatIsNoOptionIsNamed) {
  const auto refusal = [](Content content, std::string_view options) {
    const auto read = withOptions(std::move(content), object(options));
    EXPECT_FALSE(read);
    return read ? Error{} : read.error();
  };
  const auto unknown = refusal(std::string("x"), R"({"max_token": 4})");
  EXPECT_EQ(unknown.category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(unknown.message, HasSubstr("'max_token'"));
  EXPECT_THAT(unknown.hint, HasSubstr("max_tokens"));
  EXPECT_THAT(refusal(std::string("x"), R"({"max_tokens": "many"})").message,
              HasSubstr("max_tokens"));
  EXPECT_THAT(refusal(std::string("x"), R"({"top_k": 0})").message, HasSubstr("top_k"));
  EXPECT_THAT(refusal(Bytes::copyOf("x"), R"({"seed": 4})").message, HasSubstr("'seed'"));
  EXPECT_THAT(refusal(std::vector<std::string>{"x"}, R"({"language": "en"})").message,
              HasSubstr("'language'"));
  EXPECT_THAT(refusal(std::string("x"), R"({"language": "en", "seed": 1})").message,
              HasSubstr("'seed'"));
  EXPECT_THAT(refusal(std::string("x"), R"({"raw": 1})").message, HasSubstr("raw"));
}

}  // namespace
}  // namespace webpool::bridge
