#include "api/openai/embeddings.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "api/openai/errors.h"

namespace webpool::api::openai {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

TEST(OpenAiEmbeddings, OneTextOrSeveral) {
  const auto one = parseEmbeddings(R"({"model": "m", "input": "a"})");
  ASSERT_TRUE(one) << one.error().describe();
  EXPECT_THAT(one->texts, ElementsAre("a"));
  EXPECT_FALSE(one->base64);
  const auto two =
      parseEmbeddings(R"({"model": "m", "input": ["a", "b"], "encoding_format": "base64"})");
  ASSERT_TRUE(two) << two.error().describe();
  EXPECT_THAT(two->texts, ElementsAre("a", "b"));
  EXPECT_TRUE(two->base64);
}

TEST(OpenAiEmbeddings, WhatIsWrongIsNamed) {
  const auto refused = [](std::string_view body) {
    const auto request = parseEmbeddings(body);
    return request ? Error{ErrorCategory::Internal, "it was taken", {}} : request.error();
  };
  EXPECT_THAT(refused("{").message, StartsWith("the request is no JSON"));
  EXPECT_THAT(refused(R"({"input": "a"})").message, StartsWith("model:"));
  EXPECT_THAT(refused(R"({"model": "m"})").message, StartsWith("input:"));
  EXPECT_THAT(refused(R"({"model": "m", "input": []})").message, StartsWith("input: no"));
  EXPECT_THAT(refused(R"({"model": "m", "input": [""]})").message, StartsWith("input: an empty"));
  EXPECT_EQ(refused(R"({"model": "m", "input": [1, 2]})").category, ErrorCategory::Unsupported);
  for (const auto* dimensions : {"0", "1.5", R"("8")"}) {
    EXPECT_THAT(
        refused(R"({"model": "m", "input": "a", "dimensions": )" + std::string(dimensions) + "}")
            .message,
        StartsWith("dimensions:"))
        << dimensions;
  }
  EXPECT_THAT(refused(R"({"model": "m", "input": "a", "encoding_format": "hex"})").message,
              StartsWith("encoding_format:"));
  EXPECT_THAT(refused(R"({"model": "m", "input": "a", "truncate": true})").message,
              StartsWith("truncate:"));
}

TEST(OpenAiEmbeddings, TheModelsOwnDimensionsAreTaken) {
  Embeddings answer;
  answer.vectors = {{1, 0, 0}};
  const auto checked = [&](const std::string& more) {
    return checkDimensions(*parseEmbeddings(R"({"model": "m", "input": "a")" + more + "}"), answer);
  };
  EXPECT_TRUE(checked(""));
  EXPECT_TRUE(checked(R"(, "dimensions": null)"));
  EXPECT_TRUE(checked(R"(, "dimensions": 3)"));
  const auto other = checked(R"(, "dimensions": 2)");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().category, ErrorCategory::Unsupported);
  EXPECT_EQ(other.error().message, "dimensions: the vectors of m have 3");
}

TEST(OpenAiEmbeddings, ATextThatWasCutIsRefused) {
  Embeddings answer;
  EXPECT_TRUE(checkLengths(answer));
  answer.truncated = {false, true, false};
  const auto cut = checkLengths(answer);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().category, ErrorCategory::InvalidInput);
  EXPECT_EQ(cut.error().message, "input: text 2 is longer than the model reads");
  EXPECT_EQ(paramOf(cut.error()), "input");
}

TEST(OpenAiEmbeddings, TheAnswerInBothForms) {
  Embeddings answer;
  answer.vectors = {{1.0F, -0.5F}, {0.0F}};
  answer.tokens = {3, 4};
  const auto plain = boost::json::parse(embeddingsBody({"m", {"a", "b"}, false}, answer));
  EXPECT_EQ(plain.at("data").at(0).at("embedding"), (boost::json::array{1.0, -0.5}));
  EXPECT_EQ(plain.at("data").at(1).at("index").to_number<int>(), 1);
  EXPECT_EQ(plain.at("usage").at("total_tokens").to_number<int>(), 7);
  const auto packed = boost::json::parse(embeddingsBody({"m", {"a", "b"}, true}, answer));
  EXPECT_EQ(packed.at("data").at(0).at("embedding"), "AACAPwAAAL8=");
  EXPECT_EQ(packed.at("data").at(1).at("embedding"), "AAAAAA==");
}

}  // namespace
}  // namespace webpool::api::openai
