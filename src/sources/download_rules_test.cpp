#include "sources/download_rules.h"

#include <gtest/gtest.h>

namespace webpool::sources {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(DownloadRulesTest, OnlyTheRangeThatWasAskedForGoesOn) {
  EXPECT_EQ(placementOf(206, "bytes 5-9/10", 5, 10), Placement::Append);
  EXPECT_EQ(placementOf(206, "bytes 4-9/10", 5, 10), Placement::StartOver);
  EXPECT_EQ(placementOf(206, "bytes 5-8/10", 5, 10), Placement::StartOver);
  EXPECT_EQ(placementOf(206, "bytes 5-9/11", 5, 10), Placement::StartOver);
  EXPECT_EQ(placementOf(206, "", 5, 10), Placement::StartOver);
  EXPECT_EQ(placementOf(200, "", 0, 10), Placement::Append);
  EXPECT_EQ(placementOf(200, "", 5, 10), Placement::StartOver);
  EXPECT_EQ(placementOf(416, "bytes */10", 5, 10), Placement::StartOver);
  EXPECT_EQ(placementOf(404, "", 5, 10), Placement::Refuse);
}

TEST(DownloadRulesTest, OnlyStrongTagsAreKept) {
  EXPECT_EQ(strongTag("\"abc\""), "\"abc\"");
  EXPECT_EQ(strongTag("W/\"abc\""), "");
  EXPECT_EQ(strongTag("abc"), "");
  EXPECT_EQ(strongTag(""), "");
}

TEST(DownloadRulesTest, WaitsLongerEachTimeAndGivesUp) {
  RetryRule rule({.mostFailures = 4, .first = milliseconds(500), .cap = seconds(20)});
  EXPECT_EQ(rule.failed(0), milliseconds(500));
  EXPECT_EQ(rule.failed(0), seconds(1));
  EXPECT_EQ(rule.failed(0), seconds(2));
  EXPECT_EQ(rule.failed(0), std::nullopt);
}

TEST(DownloadRulesTest, NewBytesBeginAnewButNotForEver) {
  RetryRule rule({.mostFailures = 2, .mostAttempts = 10, .first = milliseconds(1)});
  for (int i = 0; i < 9; ++i) EXPECT_EQ(rule.failed(1), milliseconds(1)) << i;
  EXPECT_EQ(rule.failed(1), std::nullopt);
}

TEST(DownloadRulesTest, WhatTheServerAsksForIsWaitedIfItIsBearable) {
  RetryRule rule;
  EXPECT_EQ(rule.failed(0, retryAfter("7")), seconds(7));
  EXPECT_EQ(rule.failed(0, retryAfter("86400")), std::nullopt);
  EXPECT_EQ(retryAfter("Wed, 21 Oct 2015 07:28:00 GMT"), std::nullopt);
  EXPECT_EQ(retryAfter(""), std::nullopt);
  EXPECT_EQ(retryAfter("-1"), std::nullopt);
}

}  // namespace
}  // namespace webpool::sources
