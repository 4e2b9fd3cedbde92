#include <gmock/gmock.h>

#include "browsers/browser.h"
#include "browsers/browser_environment.h"
#include "browsers/browser_kind.h"
#include "browsers/browser_process.h"
#include "browsers/profile_store.h"
#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

LaunchOptions options() {
  LaunchOptions result;
  result.browser = {"webkit", "webkit", "/usr/lib/webkit/MiniBrowser", "2.50"};
  result.folder.root = "/cache/slots/0/webkit-0";
  result.url = "http://127.0.0.1:1234/?token=x";
  return result;
}

TEST(WebKit, HasItsSandboxUnlessTheMachineForbids) {
  auto launch = options();
  EXPECT_EQ(webkitKind().arguments(launch).back(), "http://127.0.0.1:1234/?token=x");
  EXPECT_THAT(webkitKind().arguments(launch), Contains("--enable-sandbox"));
  EXPECT_THAT(webkitKind().arguments(launch), Contains(StartsWith("--features=FileSystem,")));
  launch.machine.sandbox = false;
  EXPECT_THAT(webkitKind().arguments(launch), Not(Contains("--enable-sandbox")));
}

TEST(WebKit, KeepsEverythingInItsProfileAndHasThreads) {
  const auto launch = options();
  auto own = webkitKind().environment(launch);
  own.emplace_back("DISPLAY=:91");
  EXPECT_THAT(browserEnvironment(launch, "mark", own),
              IsSupersetOf({"WEBPOOL_BROWSER=mark", "DISPLAY=:91", "JSC_useSharedArrayBuffer=1",
                            "HOME=/cache/slots/0/webkit-0/home",
                            "XDG_DATA_HOME=/cache/slots/0/webkit-0/profile/data",
                            "XDG_CACHE_HOME=/cache/slots/0/webkit-0/profile/cache"}));
  const auto all = browserEnvironment(launch, "mark", own);
  EXPECT_EQ(std::ranges::count_if(
                all, [](const auto& entry) { return entry.starts_with("XDG_DATA_HOME="); }),
            1);
}

TEST(WebKit, WithoutADisplayAndXvfbSaysWhatIsMissing) {
  test::TempFolder folder;
  Environment environment;
  environment.variables["PATH"] = folder.path();
  ProfileStore store(folder.path() / "cache", base::systemRandom());
  auto slot = store.acquire();
  ASSERT_TRUE(slot);
  auto launch = options();
  launch.folder = *slot->browserFolder("webkit", 0);
  launch.environment = environment;
  Launcher launcher;
  const auto process = BrowserProcess::launch(launcher, base::systemRandom(), launch);
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().category, ErrorCategory::BrowserFailed);
  EXPECT_THAT(process.error().message, HasSubstr("needs a display"));
  EXPECT_THAT(process.error().hint, HasSubstr("apt install xvfb"));
  EXPECT_FALSE(std::filesystem::exists(launch.folder.record()));

  test::writeScript(folder.path() / "MiniBrowser", "echo 'WebKitGTK 2.50.1'");
  const auto found = BrowserFinder(environment).find("webkit");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().category, ErrorCategory::BrowserNotFound);
  EXPECT_THAT(found.error().message, HasSubstr("no Xvfb is installed"));
  EXPECT_THAT(found.error().hint, HasSubstr("apt install xvfb"));

  environment.variables["DISPLAY"] = ":0";
  const auto onDesktop = BrowserFinder(environment).find("webkit");
  ASSERT_TRUE(onDesktop) << onDesktop.error().describe();
  EXPECT_EQ(onDesktop->version, "2.50.1");
}

}  // namespace
}  // namespace webpool::browsers
