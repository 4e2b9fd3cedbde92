#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "api/openai/errors.h"
#include "api/openai/multipart.h"
#include "api/openai/transcript_text.h"

namespace webpool::api::openai {
namespace {

using testing::HasSubstr;

constexpr auto kType = "multipart/form-data; boundary=xyz";

std::string part(const std::string& disposition, const std::string& data) {
  return "--xyz\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + data + "\r\n";
}

TEST(Multipart, FieldsAndFilesWithWhatLooksLikeABoundary) {
  const std::string bytes("RIFF\0\r\n--xy\r\n\r\n", 16);
  const auto body = "a preamble\r\n" + part("name=\"model\"", "whisper-tiny") +
                    part(R"(name="file"; filename="a \"b\".wav")", bytes) + "--xyz--\r\n";
  const auto form = parseForm("Multipart/Form-Data; boundary=\"xyz\"", body);
  ASSERT_TRUE(form) << form.error().describe();
  ASSERT_EQ(form->size(), 2U);
  EXPECT_EQ((*form)[0].name, "model");
  EXPECT_EQ((*form)[0].data, "whisper-tiny");
  EXPECT_EQ((*form)[1].filename, "a \"b\".wav");
  EXPECT_EQ((*form)[1].data, bytes);
}

TEST(Multipart, AnythingElseIsAnError) {
  const auto whole = part("name=\"a\"", "1") + "--xyz--";
  ASSERT_TRUE(parseForm(kType, whole));
  // Cut anywhere it is no form, and nothing is read behind its end.
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parseForm(kType, std::string(whole, 0, length))) << length;
  }
  EXPECT_FALSE(parseForm("application/json", whole));
  EXPECT_FALSE(parseForm("multipart/form-data", whole));
  EXPECT_FALSE(parseForm(kType, part("filename=\"a\"", "1") + "--xyz--"));
  std::string many;
  for (std::size_t i = 0; i <= kMostParts; ++i) many += part("name=\"a\"", "1");
  EXPECT_THAT(parseForm(kType, many + "--xyz--").error().message, HasSubstr("64"));
  const auto header = part("name=\"" + std::string(kMostPartHeader, 'a') + "\"", "1");
  EXPECT_FALSE(parseForm(kType, header + "--xyz--"));
}

TEST(TranscriptText, SubtitlesOfBothKinds) {
  Transcript said;
  said.segments = {{0, 1.5, " One."}, {3661.0005, 3662.25, "Two."}};
  EXPECT_EQ(subRip(said),
            "1\n00:00:00,000 --> 00:00:01,500\nOne.\n\n"
            "2\n01:01:01,001 --> 01:01:02,250\nTwo.\n\n");
  EXPECT_EQ(webVtt(said),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne.\n\n"
            "01:01:01.001 --> 01:01:02.250\nTwo.\n\n");
}

TEST(OpenAiErrors, HaveTheirFormAndStatus) {
  const Error unknown{ErrorCategory::NotFound, "unknown model 'x'", "add it"};
  EXPECT_EQ(statusOf(unknown.category), 404);
  EXPECT_EQ(statusOf(ErrorCategory::OutOfMemory), 507);
  const auto body = boost::json::parse(errorBody(unknown));
  EXPECT_EQ(body.at("error").at("message"), "unknown model 'x' (add it)");
  EXPECT_EQ(body.at("error").at("type"), "invalid_request_error");
  EXPECT_EQ(body.at("error").at("param"), "model");
  EXPECT_EQ(body.at("error").at("code"), "not_found");
  const auto busy = boost::json::parse(errorBody({ErrorCategory::Busy, "full", {}}));
  EXPECT_EQ(busy.at("error").at("type"), "rate_limit_error");
  EXPECT_TRUE(busy.at("error").at("param").is_null());
  EXPECT_EQ(paramOf({ErrorCategory::InvalidArgument, "top_p: no number", {}}), "top_p");
  EXPECT_EQ(paramOf({ErrorCategory::InvalidInput, "onnx: shapes differ", {}}), "");
  EXPECT_EQ(paramOf({ErrorCategory::Internal, "model: a defect", {}}), "");
}

}  // namespace
}  // namespace webpool::api::openai
