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

TEST(SettingsCheck, TheLeastNumberOfBrowsersIsNotAboveTheMost) {
  const auto both = [](const std::string& least, const std::string& most) {
    return checkSettings(
        settings::merge({{{"min_connections", {{least}, "WEBPOOL_MIN_CONNECTIONS"}},
                          {"max_connections", {{most}, "--max-connections"}}}}));
  };
  EXPECT_TRUE(both("2", "2"));
  EXPECT_TRUE(both("3", "0")) << "the pool chooses";
  const auto wrong = both("3", "2");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "min_connections is 3, and max_connections 2");
}

TEST(SettingsCheck, AnAmountOfMemoryThatTheOptionsRefuseIsRefused) {
  EXPECT_TRUE(checked("memory_budget", {"4GB"}));
  EXPECT_TRUE(checked("api_max_body", {"1 MiB"}));
  const auto little = checked("api_max_body", {"64B"});
  ASSERT_FALSE(little);
  EXPECT_THAT(little.error().message, HasSubstr("WEBPOOL_X: api_max_body is '64B'"));
  EXPECT_FALSE(checked("memory_budget", {"4 gallons"}));
}

TEST(SettingsCheck, AFormThatItsCommandRefusesIsRefusedWithWhereItCameFrom) {
  for (const auto& [name, text] : {std::pair{"link_ttl", "5 parsecs"},
                                   {"link_ttl", "31d"},
                                   {"api_host", "999.1.1.1"},
                                   {"host", "bogus"},
                                   {"url", "ftp://x"},
                                   {"url", "http://127.0.0.1:8080/path"},
                                   {"kubo", "zzz"},
                                   {"gateway", "http://elsewhere.example"},
                                   {"peer", "ftp://x"},
                                   {"router", "zzz"},
                                   {"webdriver", "safari=ftp://x"}}) {
    const auto wrong = checked(name, {text});
    ASSERT_FALSE(wrong) << name << " " << text;
    EXPECT_EQ(wrong.error().category, ErrorCategory::InvalidArgument) << name;
    EXPECT_THAT(wrong.error().message, testing::StartsWith(std::string("WEBPOOL_X: ") + name));
    EXPECT_FALSE(wrong.error().hint.empty()) << name;
  }
  for (const auto& [name, text] : {std::pair{"link_ttl", "90m"},
                                   {"api_host", "localhost"},
                                   {"host", "::"},
                                   {"host", "fe80::1%eth0"},
                                   {"host", ""},
                                   {"url", "https://example.org"},
                                   {"url", ""},
                                   {"kubo", "off"},
                                   {"peer", "http://10.0.0.7:8080"},
                                   {"webdriver", "safari=http://mac.local:4444"}}) {
    const auto fits = checked(name, {text});
    EXPECT_TRUE(fits) << name << " " << text << ": " << fits.error().describe();
  }
}

}  // namespace
}  // namespace webpool::cli
