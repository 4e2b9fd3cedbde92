#include "tasks/whisper_rules.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace webpool::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kConfig = R"({
  "decoder_start_token_id": 50258, "eos_token_id": 50257, "no_timestamps_token_id": 50363,
  "suppress_tokens": [1, 2], "begin_suppress_tokens": [220, 50257],
  "max_initial_timestamp_index": 1, "lang_to_id": {"<|en|>": 50259, "<|de|>": 50261},
  "task_to_id": {"transcribe": 50359, "translate": 50358}})";

constexpr auto kEnglishOnly = R"({
  "decoder_start_token_id": 50257, "eos_token_id": 50256, "no_timestamps_token_id": 50362})";

TEST(WhisperRules, AreRead) {
  const auto rules = readWhisperRules(kConfig).value();
  EXPECT_EQ(rules.start, 50258);
  EXPECT_THAT(rules.suppress, ElementsAre(1, 2));
  EXPECT_EQ(rules.languages.at("de"), 50261);
  EXPECT_EQ(rules.firstTimestamp(), 50364);
  EXPECT_EQ(rules.noSpeech(), 50362);
  EXPECT_NEAR(rules.secondsOf(50364 + 150), 3, 1e-9);
}

TEST(WhisperRules, WhatIsMissingIsNamed) {
  EXPECT_THAT(readWhisperRules(R"({"decoder_start_token_id": 1})").error().message,
              HasSubstr("eos_token_id"));
  EXPECT_EQ(readWhisperRules("{").error().category, ErrorCategory::InvalidModel);
  EXPECT_FALSE(readWhisperRules(R"({"decoder_start_token_id": "1"})"));
}

TEST(WhisperParameters, WithoutALanguageTheModelTellsIt) {
  const auto rules = readWhisperRules(kConfig).value();
  const auto parameters = whisperParameters(rules, {}).value();
  EXPECT_EQ(parameters.at("prompt"), boost::json::parse("[50258]"));
  EXPECT_EQ(parameters.at("languages"), boost::json::parse("[50261, 50259]"));
  EXPECT_EQ(parameters.at("then"), boost::json::parse("[50359]"));
  EXPECT_EQ(parameters.at("timestamps").at("latest_begin"), 1);
}

TEST(WhisperParameters, ALanguageAndATranslation) {
  const auto rules = readWhisperRules(kConfig).value();
  const auto parameters = whisperParameters(rules, {.language = "de", .translate = true}).value();
  EXPECT_EQ(parameters.at("languages"), boost::json::parse("[]"));
  EXPECT_EQ(parameters.at("then"), boost::json::parse("[50261, 50358]"));
  const auto unknown = whisperParameters(rules, {.language = "xx"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(unknown.error().hint, HasSubstr("de en"));
}

TEST(WhisperParameters, OfAModelThatKnowsEnglishOnly) {
  const auto rules = readWhisperRules(kEnglishOnly).value();
  EXPECT_EQ(whisperParameters(rules, {}).value().at("then"), boost::json::parse("[]"));
  EXPECT_TRUE(whisperParameters(rules, {.language = "en"}));
  EXPECT_FALSE(whisperParameters(rules, {.language = "de"}));
  EXPECT_FALSE(whisperParameters(rules, {.translate = true}));
}

}  // namespace
}  // namespace webpool::tasks
