#include "cli/settings_check.h"

#include <gmock/gmock.h>

namespace webpool::cli {
namespace {

using testing::HasSubstr;

Result<void> checked(const std::string& name, std::vector<std::string> texts) {
  return checkSettings(settings::merge({{{name, {std::move(texts), "WEBPOOL_X"}}}}));
}

TEST(SettingsCheck, WhatIsUsualFits) {
  const auto fits = checkSettings(settings::merge({}));
  EXPECT_TRUE(fits) << fits.error().describe();
  EXPECT_TRUE(checked("browser", {"firefox", "chromium"}));
  EXPECT_TRUE(checked("backend", {"webgpu"}));
}

TEST(SettingsCheck, ANameThatIsNoneIsRefusedWithWhereItCameFrom) {
  const auto browser = checked("browser", {"firefox", "netscape"});
  ASSERT_FALSE(browser);
  EXPECT_EQ(browser.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(browser.error().message, HasSubstr("WEBPOOL_X: browser is 'netscape'"));
  EXPECT_THAT(browser.error().hint, HasSubstr("chromium"));
  EXPECT_FALSE(checked("backend", {"cuda"}));
  EXPECT_FALSE(checked("peer_sharing", {"maybe"}));
}

TEST(SettingsCheck, ThresholdsLeaveRoomBetweenThem) {
  EXPECT_TRUE(checkScaling(0.7, 0.3));
  EXPECT_FALSE(checkScaling(0.2, 0.8));
  EXPECT_FALSE(checkScaling(0.5, 0.5));
  EXPECT_FALSE(checked("scale_up_threshold", {"0.2"})) << "the other one is 0.3";
}

TEST(SettingsCheck, AnAmountOfMemoryThatTheOptionsRefuseIsRefused) {
  EXPECT_TRUE(checked("memory_budget", {"4GB"}));
  EXPECT_TRUE(checked("api_max_body", {"1 MiB"}));
  const auto little = checked("api_max_body", {"64B"});
  ASSERT_FALSE(little);
  EXPECT_THAT(little.error().message, HasSubstr("WEBPOOL_X: api_max_body is '64B'"));
  EXPECT_FALSE(checked("memory_budget", {"4 gallons"}));
}

}  // namespace
}  // namespace webpool::cli
