#include <gmock/gmock.h>

#include "browsers/browser_environment.h"
#include "browsers/browser_kind.h"

namespace webpool::browsers {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

LaunchOptions options() {
  LaunchOptions result;
  result.browser = {"chromium", "chromium", "/usr/lib/chromium/chromium", "1"};
  result.folder.root = "/cache/slots/0/chromium-0";
  result.url = "http://127.0.0.1:1234/?token=x";
  return result;
}

std::vector<std::string> argumentsOf(const LaunchOptions& launch) {
  return chromiumKind().arguments(launch);
}

TEST(Chromium, HasOneUrlAtTheEndAndItsOwnProfile) {
  const auto arguments = argumentsOf(options());
  EXPECT_EQ(arguments.back(), "--app=http://127.0.0.1:1234/?token=x");
  EXPECT_THAT(arguments, IsSupersetOf({"--headless=new", "--enable-unsafe-webgpu",
                                       "--user-data-dir=/cache/slots/0/chromium-0/profile",
                                       "--disable-background-timer-throttling",
                                       "--disable-renderer-backgrounding",
                                       "--disable-backgrounding-occluded-windows"}));
}

TEST(Chromium, KeepsItsSandboxUnlessTheMachineForbids) {
  auto launch = options();
  EXPECT_THAT(argumentsOf(launch), Not(Contains("--no-sandbox")));
  launch.machine.sandbox = false;
  EXPECT_THAT(argumentsOf(launch), Contains("--no-sandbox"));
}

TEST(Chromium, UsesVulkanWithAGpuOnly) {
  auto launch = options();
  EXPECT_THAT(argumentsOf(launch), Not(Contains(HasSubstr("ulkan"))));
  launch.machine.gpu = true;
  EXPECT_THAT(argumentsOf(launch),
              IsSupersetOf({"--enable-features=Vulkan", "--use-angle=vulkan",
                            "--disable-vulkan-surface", "--enable-unsafe-webgpu"}));
}

TEST(Chromium, SmallSharedMemoryIsNotUsed) {
  auto launch = options();
  EXPECT_THAT(argumentsOf(launch), Not(Contains("--disable-dev-shm-usage")));
  launch.machine.smallSharedMemory = true;
  EXPECT_THAT(argumentsOf(launch), Contains("--disable-dev-shm-usage"));
}

TEST(Chromium, JoinsFeatureListsBecauseOnlyTheLastCounts) {
  auto launch = options();
  launch.machine.gpu = true;
  launch.extraFlags = {"--enable-features=A,B", "--disable-features=C", "--js-flags=--d",
                       "--other"};
  const auto arguments = argumentsOf(launch);
  EXPECT_THAT(arguments, Contains("--enable-features=Vulkan,A,B"));
  EXPECT_THAT(arguments,
              Contains(AllOf(StartsWith("--disable-features=Network"), HasSubstr(",C"))));
  EXPECT_THAT(arguments, Contains(AllOf(StartsWith("--js-flags=--wasm"), HasSubstr(" --d"))));
  EXPECT_THAT(arguments, Contains("--other"));
  EXPECT_EQ(std::ranges::count_if(
                arguments, [](const auto& text) { return text.starts_with("--enable-features"); }),
            1);
}

TEST(Chromium, ResolvesOnlyThePagesHost) {
  auto launch = options();
  const auto* const loopback =
      "--host-resolver-rules=MAP * ~NOTFOUND,EXCLUDE 127.0.0.1,EXCLUDE localhost";
  EXPECT_THAT(argumentsOf(launch), Contains(loopback));
  launch.url = "http://pool.test:80/x";
  EXPECT_THAT(argumentsOf(launch), Contains(std::string(loopback) + ",EXCLUDE pool.test"));
}

TEST(BrowserEnvironment, PassesOnLittleAndPutsEverythingElseInItsFolder) {
  auto launch = options();
  launch.environment.variables = {{"PATH", "/x"},         {"LANG", "de_DE.UTF-8"},
                                  {"HOME", "/home/me"},   {"http_proxy", "http://proxy"},
                                  {"SECRET_TOKEN", "s"},  {"DISPLAY", ":0"},
                                  {"TMPDIR", "/var/tmp"}, {"XDG_RUNTIME_DIR", "/run/user/1"}};
  const auto variables = browserEnvironment(launch, "mark", chromiumKind().environment(launch));
  EXPECT_THAT(variables, IsSupersetOf({"WEBPOOL_BROWSER=mark", "PATH=/x", "LANG=de_DE.UTF-8",
                                       "HOME=/cache/slots/0/chromium-0/home", "TMPDIR=tmp",
                                       "XDG_RUNTIME_DIR=/cache/slots/0/chromium-0/run"}));
  EXPECT_THAT(variables, Not(Contains(HasSubstr("proxy"))));
  EXPECT_THAT(variables, Not(Contains(HasSubstr("SECRET"))));
  EXPECT_THAT(variables, Not(Contains(StartsWith("DISPLAY"))));

  launch.headless = false;
  const auto withWindow = browserEnvironment(launch, "mark");
  EXPECT_THAT(withWindow, IsSupersetOf({"DISPLAY=:0", "XDG_RUNTIME_DIR=/run/user/1",
                                        "XAUTHORITY=/home/me/.Xauthority"}));
}

}  // namespace
}  // namespace webpool::browsers
