#include "api/tei/embed.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace webpool::api::tei {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

TEST(TeiEmbed, ATextOrSeveral) {
  const auto one = parseEmbed(R"({"inputs": "a"})");
  ASSERT_TRUE(one) << one.error().describe();
  EXPECT_THAT(one->texts, ElementsAre("a"));
  EXPECT_TRUE(one->normalize);
  EXPECT_FALSE(one->truncate);
  const auto two = parseEmbed(R"({"inputs": ["a", ""], "normalize": false, "truncate": true,
                                 "truncation_direction": "Right", "prompt_name": null})");
  ASSERT_TRUE(two) << two.error().describe();
  EXPECT_THAT(two->texts, ElementsAre("a", ""));
  EXPECT_FALSE(two->normalize);
  EXPECT_TRUE(two->truncate);
}

TEST(TeiEmbed, WhatIsWrongIsNamed) {
  const auto refused = [](std::string_view body) {
    const auto request = parseEmbed(body);
    return request ? Error{ErrorCategory::Internal, "it was taken", {}} : request.error();
  };
  EXPECT_THAT(refused("[").message, StartsWith("the request is no JSON object"));
  EXPECT_THAT(refused("{}").message, StartsWith("inputs:"));
  EXPECT_THAT(refused(R"({"inputs": []})").message, StartsWith("inputs:"));
  EXPECT_THAT(refused(R"({"inputs": [{}]})").message, StartsWith("inputs:"));
  EXPECT_THAT(refused(R"({"inputs": "a", "truncate": "yes"})").message, StartsWith("truncate:"));
  EXPECT_THAT(refused(R"({"inputs": "a", "truncation_direction": "Up"})").message,
              StartsWith("truncation_direction:"));
  EXPECT_THAT(refused(R"({"inputs": "a", "trunkate": true})").message, StartsWith("trunkate:"));
  EXPECT_EQ(refused(R"({"inputs": [["a", "b"]]})").category, ErrorCategory::Unsupported);
  EXPECT_EQ(refused(R"({"inputs": [1]})").category, ErrorCategory::Unsupported);
  EXPECT_EQ(refused(R"({"inputs": "a", "dimensions": 8})").category, ErrorCategory::Unsupported);
  std::string many = R"({"inputs": ["a")";
  for (std::size_t i = 0; i < kMostTexts; ++i) many += R"(, "a")";
  EXPECT_THAT(refused(many + "]}").message, StartsWith("inputs: more than"));
}

TEST(TeiEmbed, AnswersAndErrorsHaveTheirForm) {
  EXPECT_EQ(boost::json::parse(embedBody({{{1, 0.5F}, {0, 2}}, {}, {}, {}})),
            boost::json::parse("[[1.0, 0.5], [0.0, 2.0]]"));
  const Error busy{ErrorCategory::Busy, "full", ""};
  EXPECT_EQ(statusOf(busy.category), 429);
  EXPECT_EQ(boost::json::parse(errorBody(busy)),
            boost::json::parse(R"({"error": "full", "error_type": "Overloaded"})"));
  EXPECT_EQ(statusOf(ErrorCategory::InvalidInput), 422);
  EXPECT_EQ(statusOf(ErrorCategory::WorkerLost), 424);
  EXPECT_EQ(statusOf(ErrorCategory::BrowserFailed), 503);
  ModelInfo info;
  info.name = "m";
  info.dtype = "q4";
  const auto told = boost::json::parse(infoBody(info));
  EXPECT_EQ(told.at("model_id"), "m");
  EXPECT_EQ(told.at("model_type").at("embedding").at("pooling"), "mean");
}

}  // namespace
}  // namespace webpool::api::tei
