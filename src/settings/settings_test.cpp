#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "settings/values.h"

namespace webpool::settings {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Values parsed(std::string_view text) {
  auto values = parseFile(text, "webpool.toml");
  if (!values) throw std::runtime_error(values.error().describe());
  return std::move(*values);
}

std::string refused(std::string_view text) {
  const auto values = parseFile(text, "webpool.toml");
  return values ? "it was taken" : values.error().describe();
}

TEST(SettingsFile, EachTypeAndWhereItStands) {
  const auto values = parsed(
      "browser = [\"chromium\", \"firefox\"]\nephemeral = true\n\nmax_connections = 3\n"
      "memory_budget = \"4GB\"\ntimeout = 1.5\nmodel = \"one\"\n");
  EXPECT_THAT(values.at("browser").texts, ElementsAre("chromium", "firefox"));
  EXPECT_THAT(values.at("ephemeral").texts, ElementsAre("true"));
  EXPECT_EQ(values.at("max_connections"), (Value{{"3"}, "webpool.toml:4"}));
  EXPECT_THAT(values.at("memory_budget").texts, ElementsAre("4GB"));
  EXPECT_THAT(values.at("timeout").texts, ElementsAre("1.5"));
  EXPECT_THAT(values.at("model").texts, ElementsAre("one"));
}

TEST(SettingsFile, AnUnknownKeyIsNamedWithItsLineAndTheNearest) {
  EXPECT_THAT(refused("\nmemory_bugdet = \"4GB\""),
              HasSubstr("webpool.toml:2: there is no setting 'memory_bugdet' (did you mean "
                        "memory_budget?)"));
  EXPECT_THAT(refused("qqqqqqqqqqqqqqqqq = 1"), HasSubstr("webpool config lists the settings"));
}

TEST(SettingsFile, AWrongTypeIsNamedWithItsLine) {
  EXPECT_THAT(refused("join = \"yes\""),
              HasSubstr("webpool.toml:1: join is a text, not true or false"));
  EXPECT_THAT(refused("port = 70000"), HasSubstr("not a whole number from 0 to 65535"));
  EXPECT_THAT(refused("port = 1.5"), HasSubstr("port is a number"));
  EXPECT_THAT(refused("memory_budget = 4"), HasSubstr("memory_budget is a whole number"));
  EXPECT_THAT(refused("memory_budget = \"4\""), HasSubstr("such as \"4GB\""));
  EXPECT_THAT(refused("browser = [1]"), HasSubstr("a list with a whole number"));
  EXPECT_THAT(refused("[name]\na = 1"), HasSubstr("name is a table, not a text"));
}

TEST(SettingsFile, WhatIsNoTomlIsNamedWithItsLine) {
  EXPECT_THAT(refused("join = true\nport = = 1"), HasSubstr("webpool.toml:2: "));
  EXPECT_THAT(refused("join = true\njoin = false"), HasSubstr("webpool.toml:2: "));
}

Result<Values> environment(const std::map<std::string, std::string>& variables) {
  return fromEnvironment([&](const std::string& name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(SettingsEnvironment, TheSameNamesAndTheOldOnes) {
  const auto values = environment({{"WEBPOOL_BROWSER", "chromium,firefox"},
                                   {"WEBPOOL_JOIN", "1"},
                                   {"WEBPOOL_HOST", ""},
                                   {"BENCHMARK_DB_PATH", "runs.duckdb"},
                                   {"WEBPOOL_FIREFOX", "/opt/firefox"}});
  ASSERT_TRUE(values) << values.error().describe();
  EXPECT_EQ(values->size(), 3U);
  EXPECT_THAT(values->at("browser").texts, ElementsAre("chromium", "firefox"));
  EXPECT_EQ(values->at("join"), (Value{{"true"}, "WEBPOOL_JOIN"}));
  EXPECT_EQ(values->at("db_path"), (Value{{"runs.duckdb"}, "BENCHMARK_DB_PATH"}));
  const auto both = environment({{"WEBPOOL_DB_PATH", "a"}, {"BENCHMARK_DB_PATH", "b"}});
  EXPECT_EQ(both->at("db_path"), (Value{{"a"}, "WEBPOOL_DB_PATH"}));
}

TEST(SettingsEnvironment, AWrongValueNamesItsVariable) {
  const auto values = environment({{"WEBPOOL_PORT", "many"}});
  ASSERT_FALSE(values);
  EXPECT_THAT(values.error().message, HasSubstr("WEBPOOL_PORT: port is 'many', not a whole"));
}

TEST(SettingsMerge, TheLastWinsAndEverySettingIsThere) {
  const auto merged = merge(
      {{{"port", {{"1"}, "file"}}, {"host", {{"h"}, "file"}}}, {{"port", {{"2"}, "environment"}}}});
  EXPECT_EQ(merged.at("port"), (Value{{"2"}, "environment"}));
  EXPECT_EQ(merged.at("host"), (Value{{"h"}, "file"}));
  EXPECT_EQ(merged.at("link_ttl"), (Value{{"24h"}, "default"}));
  EXPECT_EQ(merged.size(), table().size());
}

TEST(SettingsTable, NamesAreUniqueAndTheDefaultsFit) {
  std::vector<std::string_view> names;
  for (const auto& setting : table()) {
    names.push_back(setting.name);
    if (setting.standard.empty()) continue;
    const auto fits = check(setting, std::string(setting.standard), "default");
    EXPECT_TRUE(fits) << fits.error().describe();
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  EXPECT_EQ(find("memory_budget")->flag(), "--memory-budget");
  EXPECT_EQ(find("memory_budget")->variable(), "WEBPOOL_MEMORY_BUDGET");
}

TEST(SettingsTable, FitsEightyColumns) {
  std::istringstream lines(describe(merge({{{"host", {{std::string(40, 'x')}, "a:1"}}}})));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(SettingsTable, ASecretIsNeverShown) {
  const auto values = environment({{"WEBPOOL_API_TOKEN", "abc123"}});
  ASSERT_TRUE(values);
  EXPECT_EQ(values->at("api_token"), (Value{{"abc123"}, "WEBPOOL_API_TOKEN"}));
  const auto shown = describe(merge({*values}));
  EXPECT_THAT(shown, testing::Not(HasSubstr("abc123")));
  EXPECT_THAT(shown, HasSubstr("(secret)"));
  EXPECT_THAT(shown, HasSubstr("WEBPOOL_API_TOKEN"));
  EXPECT_THAT(shownTexts(*find("api_token"), {}), testing::IsEmpty());
  EXPECT_THAT(exampleFile(), testing::Not(HasSubstr("--api-token,")));
}

/// With every '#' before a setting taken away the example is a file that is read.
TEST(SettingsExample, IsAFileOfEverySetting) {
  EXPECT_TRUE(parsed(exampleFile()).empty());
  auto text = exampleFile();
  for (std::size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
    if (text[at + 2] != ' ') text.erase(at + 1, 1);
  }
  EXPECT_EQ(parsed(text).size(), table().size());
}

}  // namespace
}  // namespace webpool::settings
