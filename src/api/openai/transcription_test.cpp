#include "api/openai/transcription.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <utility>
#include <vector>

namespace webpool::api::openai {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kType = "multipart/form-data; boundary=xyz";
using Fields = std::vector<std::pair<std::string, std::string>>;

std::string form(const Fields& fields) {
  std::string body;
  for (const auto& [name, value] : fields) {
    body +=
        "--xyz\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
  }
  return body + "--xyz--\r\n";
}

Error refused(const Fields& more) {
  Fields fields{{"file", "RIFF"}, {"model", "m"}};
  fields.insert(fields.end(), more.begin(), more.end());
  const auto body = form(fields);
  const auto request = parseTranscription(kType, body);
  return request ? Error{ErrorCategory::Internal, "it was taken", {}} : request.error();
}

TEST(OpenAiTranscription, EverythingThatCanBeAsked) {
  const auto body = form({{"file", "RIFF"},
                          {"model", "whisper-tiny"},
                          {"language", "en"},
                          {"response_format", "verbose_json"},
                          {"timestamp_granularities[]", "segment"},
                          {"temperature", "0"},
                          {"prompt", ""},
                          {"stream", "false"}});
  const auto read = parseTranscription(kType, body);
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(read->model, "whisper-tiny");
  EXPECT_EQ(read->file, "RIFF");
  EXPECT_EQ(read->language, "en");
  EXPECT_EQ(read->form, TranscriptForm::VerboseJson);
}

TEST(OpenAiTranscription, WhatIsWrongOrNotDoneIsNamed) {
  EXPECT_EQ(refused({}).message, "it was taken");
  EXPECT_EQ(refused({{"timestamp_granularities[]", "word"}}).category, ErrorCategory::Unsupported);
  EXPECT_EQ(refused({{"temperature", "0.5"}}).category, ErrorCategory::Unsupported);
  EXPECT_EQ(refused({{"prompt", "Mr. Brown"}}).category, ErrorCategory::Unsupported);
  EXPECT_EQ(refused({{"stream", "true"}}).category, ErrorCategory::Unsupported);
  EXPECT_THAT(refused({{"temperature", "hot"}}).message, StartsWith("temperature:"));
  EXPECT_THAT(refused({{"response_format", "mp3"}}).message, StartsWith("response_format:"));
  EXPECT_THAT(refused({{"timestamp_granularities[]", "letter"}}).message,
              StartsWith("timestamp_granularities:"));
  const auto without = [](const Fields& fields) {
    return parseTranscription(kType, form(fields)).error().message;
  };
  EXPECT_EQ(without({{"file", "RIFF"}}), "model: missing");
  EXPECT_EQ(without({{"model", "m"}}), "file: missing");
  EXPECT_FALSE(parseTranscription("application/json", "{}"));
}

TEST(OpenAiTranscription, EachForm) {
  Transcript said;
  said.text = "One. Two.";
  said.language = "en";
  said.segments = {{0, 1.5, "One."}, {1.5, 2.25, "Two."}};
  const auto plain = boost::json::parse(transcriptBody(TranscriptForm::Json, said, 2.25));
  EXPECT_EQ(plain.at("text"), "One. Two.");
  EXPECT_EQ(plain.at("usage").at("seconds").to_number<double>(), 3);
  EXPECT_FALSE(plain.as_object().contains("segments"));
  const auto verbose = boost::json::parse(transcriptBody(TranscriptForm::VerboseJson, said, 2.25));
  EXPECT_EQ(verbose.at("language"), "en");
  EXPECT_EQ(verbose.at("duration").to_number<double>(), 2.25);
  EXPECT_EQ(verbose.at("segments").at(1).at("id").to_number<int>(), 1);
  EXPECT_EQ(verbose.at("segments").at(1).at("text"), "Two.");
  EXPECT_EQ(transcriptBody(TranscriptForm::Text, said, 2.25), "One. Two.\n");
  EXPECT_THAT(transcriptBody(TranscriptForm::SubRip, said, 2.25), StartsWith("1\n00:00:00,000"));
  EXPECT_THAT(transcriptBody(TranscriptForm::WebVtt, said, 2.25), StartsWith("WEBVTT"));
  EXPECT_THAT(std::string(contentTypeOf(TranscriptForm::WebVtt)), HasSubstr("vtt"));
}

}  // namespace
}  // namespace webpool::api::openai
