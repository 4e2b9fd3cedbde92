#include "browsers/virtual_display.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "browsers/launcher.h"
#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

class Display : public testing::Test {
 protected:
  Display() { test::writeText(authority_, VirtualDisplay::authorityText("0123456789abcdef")); }

  Result<VirtualDisplay> start(const Environment& environment) {
    return VirtualDisplay::start(
        environment, {.folder = folder_.path(), .authority = authority_, .variables = {}},
        [this](const SpawnPlan& plan) { return launcher_.spawn(plan); });
  }

  static std::filesystem::path socketOf(const VirtualDisplay& display) {
    return "/tmp/.X11-unix/X" + display.variables().front().substr(sizeof("DISPLAY=:") - 1);
  }

  test::TempFolder folder_;
  std::filesystem::path authority_ = folder_.path() / "xauthority";
  Launcher launcher_;
};

TEST_F(Display, SeveralRunAndLeaveNothing) {
  const auto environment = Environment::ofThisProcess();
  auto first = start(environment);
  ASSERT_TRUE(first) << first.error().describe();
  auto second = start(environment);
  ASSERT_TRUE(second) << second.error().describe();
  EXPECT_NE(first->variables().front(), second->variables().front());
  const auto socket = socketOf(*first);
  EXPECT_TRUE(std::filesystem::exists(socket));
  EXPECT_THAT(first->variables(), Contains("XAUTHORITY=" + authority_.native()));

  const auto pid = first->pid();
  EXPECT_TRUE(readProcess(pid));
  first->stop();
  EXPECT_FALSE(readProcess(pid));
  EXPECT_FALSE(std::filesystem::exists(socket));
  EXPECT_TRUE(std::filesystem::exists(socketOf(*second)));
  first->stop();
}

TEST_F(Display, WithoutXvfbSaysHowToGetIt) {
  Environment environment;
  environment.variables["PATH"] = folder_.path();
  const auto display = start(environment);
  ASSERT_FALSE(display);
  EXPECT_EQ(display.error().category, ErrorCategory::BrowserFailed);
  EXPECT_THAT(display.error().message, HasSubstr("Xvfb"));
  EXPECT_THAT(display.error().hint, HasSubstr("apt install xvfb"));
}

TEST_F(Display, AnXvfbThatFailsSaysWhy) {
  test::writeScript(folder_.path() / "Xvfb", "echo 'fake: no memory' >&2; exit 1");
  Environment environment;
  environment.variables["PATH"] = folder_.path();
  const auto display = start(environment);
  ASSERT_FALSE(display);
  EXPECT_THAT(display.error().message, HasSubstr("fake: no memory"));
}

TEST_F(Display, OnlyTheCookieOpensIt) {
  const auto text = VirtualDisplay::authorityText("0123456789abcdef");
  EXPECT_THAT(text, StartsWith("\xff\xff"));
  EXPECT_THAT(text, HasSubstr("MIT-MAGIC-COOKIE-1"));
  EXPECT_TRUE(text.ends_with(std::string("\0\x10", 2) + "0123456789abcdef"));
}

}  // namespace
}  // namespace webpool::browsers
