// `webpool serve` with browsers of this machine.
#include <gmock/gmock.h>

#include <csignal>

#include "browser_control.h"
#include "serve_harness.h"

namespace webpool::functional {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Serve : public ServeTest {
 protected:
  void TearDown() override { expectNothingLeft(); }

  static std::vector<std::string> browsersOf(const Running& running) {
    std::vector<std::string> names;
    std::istringstream lines(running.soFar().out);
    for (std::string line; std::getline(lines, line);) {
      if (lines.eof()) break;  // the last one has not come whole
      const auto object = boost::json::parse(line).as_object();
      if (object.at("event") == "local") names.emplace_back(object.at("browser").as_string());
    }
    return names;
  }
};

TEST_F(Serve, TheLocalBrowserIsKept) {
  auto running = start({"serve", "--ephemeral", "--json"});
  ASSERT_TRUE(waitForEvent(*running, "local")) << running->soFar().err;
  EXPECT_EQ(event(*running, "local").at("trust"), "launched");
  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130);
}

TEST_F(Serve, WithoutANameItFindsOneOfEachFamilyAndLaunchesTheFirst) {
  auto running = start({"serve", "--ephemeral", "--json"});
  ASSERT_TRUE(waitForEvent(*running, "found")) << running->soFar().err;
  const auto told = event(*running, "found");
  std::vector<std::string> found;
  for (const auto& one : told.at("found").as_array()) {
    found.emplace_back(one.at("browser").as_string());
    EXPECT_NE(one.at("version"), "");
  }
  ASSERT_THAT(found, testing::SizeIs(testing::Ge(2u)));
  EXPECT_THAT(found, testing::Contains("firefox"));
  EXPECT_EQ(told.at("launched"), (boost::json::array{found.front()}));
  EXPECT_THAT(browsersOf(*running), ElementsAre(found.front()));
  running->signal(SIGTERM);
  EXPECT_EQ(running->wait().code, 143);
}

TEST_F(Serve, WhatIsNamedIsNotSearchedFor) {
  ensureModel("magika", "fp32");
  auto running =
      start({"serve", "--browser", "chromium", "--model", "magika", "--ephemeral", "--json"});
  ASSERT_TRUE(waitForEvent(*running, "model")) << running->soFar().err;
  running->signal(SIGTERM);
  EXPECT_EQ(running->wait().code, 143);
  EXPECT_TRUE(event(*running, "found").empty());
}

TEST_F(Serve, SeveralBrowsersAndAModelWithinABudget) {
  ensureModel("all-minilm-l6-v2", "q4");
  auto running =
      start({"serve", "--browser", "firefox", "--browser", "chromium", "--memory-budget", "4GB",
             "--warm-spares", "1", "--model", "all-minilm-l6-v2", "--ephemeral", "--json"});
  ASSERT_TRUE(waitForEvent(*running, "model")) << running->soFar().err;
  EXPECT_THAT(browsersOf(*running), ElementsAre("firefox", "chromium"));
  EXPECT_EQ(event(*running, "model").at("trust"), "launched");
  running->signal(SIGTERM);
  EXPECT_EQ(running->wait().code, 143);
}

TEST_F(Serve, ABrowserThatIsKilledIsReplacedAndThatIsSaid) {
  auto running = start({"serve", "--browser", "chromium", "--ephemeral"});
  ASSERT_TRUE(running->waitForOutput("browser is ready"));
  const auto browser = findBrowser(folder() / "cache");
  ASSERT_NE(browser.main, 0);
  ::kill(browser.main, SIGKILL);
  EXPECT_TRUE(running->waitForOutput("chromium-0 ends (")) << running->soFar().out;
  EXPECT_TRUE(running->waitForOutput("chromium-0 is back"));
  running->signal(SIGTERM);
  EXPECT_EQ(running->wait().code, 143);
}

TEST_F(Serve, ABudgetUnderOneModelsNeedIsAnErrorWithTheCure) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto result =
      run({"serve", "--memory-budget", "300MiB", "--model", "all-minilm-l6-v2", "--ephemeral"});
  EXPECT_EQ(result.code, 5);
  EXPECT_THAT(result.err, HasSubstr("[out_of_memory]"));
  EXPECT_THAT(result.err, HasSubstr("300"));
  EXPECT_THAT(result.err, HasSubstr("--memory-budget"));
}

TEST_F(Serve, ABudgetThatTheBrowserAloneExceedsIsSaid) {
  auto running = start({"serve", "--memory-budget", "40MiB", "--ephemeral", "--json"});
  EXPECT_TRUE(running->waitForOutput("no model fits until it is raised"));
  running->signal(SIGTERM);
  EXPECT_EQ(running->wait().code, 143);
}

TEST_F(Serve, WrongUseIsNamed) {
  for (const auto* size : {"much", "-1", "99999999999999999999", "4"}) {
    EXPECT_EQ(run({"serve", "--memory-budget", size}).code, 2) << size;
  }
  const auto two =
      run({"serve", "--browser", "chromium", "--browser", "firefox", "--max-connections", "1"});
  EXPECT_EQ(two.code, 2);
  EXPECT_THAT(two.err, HasSubstr("--max-connections allows 1"));
  EXPECT_EQ(run({"serve", "--max-connections", "1", "--min-connections", "5"}).code, 2);
  EXPECT_EQ(run({"serve", "--join", "--no-browser", "--warm-spares", "1"}).code, 2);
  const auto unknown = run({"serve", "--browser", "netscape"});
  EXPECT_NE(unknown.code, 0);
  EXPECT_THAT(unknown.err, HasSubstr("netscape"));
}

}  // namespace
}  // namespace webpool::functional
