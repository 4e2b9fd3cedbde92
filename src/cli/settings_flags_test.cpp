#include "cli/settings_flags.h"

#include <gmock/gmock.h>
#include <CLI/CLI.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace webpool::cli {
namespace {

using testing::HasSubstr;

class SettingsFlags : public testing::Test {
 protected:
  SettingsFlags() {
    folder_ = std::filesystem::temp_directory_path() / "webpool-settings-XXXXXX";
    auto name = folder_.native();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
    folder_ = name;
  }
  ~SettingsFlags() override {
    unsetenv("WEBPOOL_MIN_CONNECTIONS");
    std::filesystem::remove_all(folder_);
  }

  void write(std::string_view text) {
    context_.configFile = folder_ / "webpool.toml";
    std::ofstream(context_.configFile) << text;
  }
  /// What `webpool serve` would take for that option.
  std::string serve(const std::string& option, std::vector<std::string> words = {}) {
    Action action;
    auto app = makeApp(context_, action);
    words.insert(words.begin(), "serve");
    std::ranges::reverse(words);  // as CLI11 wants them
    app->parse(words);
    const auto* found = app->get_subcommand("serve")->get_option(option);
    return found->count() > 0 ? found->as<std::string>() : found->get_default_str();
  }

  std::filesystem::path folder_;
  Context context_;
};

TEST_F(SettingsFlags, AFlagIsStrongerThanTheEnvironmentAndThatThanTheFile) {
  write("min_connections = 2\n");
  EXPECT_EQ(serve("--min-connections"), "2");
  setenv("WEBPOOL_MIN_CONNECTIONS", "3", 1);
  EXPECT_EQ(serve("--min-connections"), "3");
  EXPECT_EQ(serve("--min-connections", {"--min-connections", "4"}), "4");
}

TEST_F(SettingsFlags, TheLimitsOfTheFrontAreSettings) {
  EXPECT_EQ(serve("--api-max-body"), "64MiB");
  EXPECT_EQ(serve("--api-head-timeout"), "10");
  EXPECT_EQ(serve("--api-body-timeout"), "30");
  EXPECT_EQ(serve("--api-idle-timeout"), "60");
  EXPECT_EQ(serve("--shutdown-grace"), "10");
  write(
      "api_max_body = \"2MiB\"\napi_head_timeout = 0.5\napi_body_timeout = 1\n"
      "api_idle_timeout = 2\nshutdown_grace = 0\n");
  EXPECT_EQ(serve("--api-max-body"), "2MiB");
  EXPECT_EQ(serve("--api-head-timeout"), "0.5");
  EXPECT_EQ(serve("--api-body-timeout"), "1");
  EXPECT_EQ(serve("--api-idle-timeout", {"--api-idle-timeout", "3"}), "3");
  EXPECT_EQ(serve("--shutdown-grace"), "0");
  for (const auto* wrong : {"api_head_timeout = 0\n", "api_body_timeout = 1e9\n",
                            "api_idle_timeout = -1\n", "shutdown_grace = \"10s\"\n"}) {
    write(wrong);
    EXPECT_THROW(serve("--api-port"), CLI::ParseError) << wrong;
  }
}

TEST_F(SettingsFlags, AWrongOneSaysWhereItStands) {
  write("link_ttl = \"5 fortnights\"\n");
  try {
    serve("--link-ttl");
    FAIL() << "it was taken";
  } catch (const CLI::ParseError& error) {
    EXPECT_THAT(error.what(), HasSubstr("webpool.toml:1"));
  }
  context_.configFile = folder_ / "none.toml";
  EXPECT_THROW(serve("--port"), CLI::ParseError);
}

TEST_F(SettingsFlags, WhatNoTypeTellsIsRefusedWhereverSettingsAreRead) {
  write("kubo = \"off\"\nurl = \"ftp://x\"\n");
  const auto inFile = givenSettings(context_);
  ASSERT_FALSE(inFile);
  EXPECT_EQ(inFile.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(inFile.error().message, HasSubstr("webpool.toml:2: url: "));
  write("");
  setenv("WEBPOOL_LINK_TTL", "5 parsecs", 1);
  const auto inEnvironment = givenSettings(context_);
  unsetenv("WEBPOOL_LINK_TTL");
  ASSERT_FALSE(inEnvironment);
  EXPECT_THAT(inEnvironment.error().message, HasSubstr("WEBPOOL_LINK_TTL: link_ttl: "));
}

TEST_F(SettingsFlags, AFolderIsNoFileOfSettings) {
  context_.configFile = folder_;
  const auto given = givenSettings(context_);
  ASSERT_FALSE(given);
  EXPECT_EQ(given.error().category, ErrorCategory::InvalidInput);
  EXPECT_THAT(given.error().message, HasSubstr(folder_.native()));
}

TEST_F(SettingsFlags, LocalhostIsThisMachine) {
  EXPECT_EQ(serve("--api-host", {"--api-host", "localhost"}), "127.0.0.1");
  EXPECT_THROW(serve("--api-host", {"--api-host", "bogus"}), CLI::ParseError);
}

TEST_F(SettingsFlags, FoldersAreSettingsOfAllCommands) {
  write("data_dir = \"/some/where\"\nbrowser = [\"firefox\", \"chromium\"]\nephemeral = true\n");
  EXPECT_THAT(serve("--browser"), HasSubstr("firefox"));
  EXPECT_EQ(context_.paths.data, "/some/where");
}

TEST_F(SettingsFlags, AListIsTakenApart) {
  for (const bool extra : {false, true}) {
    write("peer = [\"http://one\", \"http://two\"]\n");
    CLI::App app;
    std::vector<std::string> peers;
    app.add_subcommand("serve")->add_option("--peer", peers)->allow_extra_args(extra);
    takeSettings(app, context_);
    app.parse(std::vector<std::string>{"serve"});
    EXPECT_EQ(peers, (std::vector<std::string>{"http://one", "http://two"}));
    peers.clear();
    app.parse(std::vector<std::string>{"http://three", "--peer", "serve"});
    EXPECT_EQ(peers, std::vector<std::string>{"http://three"});
  }
}

TEST(ConfigFileOf, TheWordBehindIt) {
  std::vector<std::string> words{"webpool", "serve", "--config=a.toml"};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  EXPECT_EQ(configFileOf(3, argv.data()), "a.toml");
  EXPECT_EQ(configFileOf(2, argv.data()), "");
}

}  // namespace
}  // namespace webpool::cli
