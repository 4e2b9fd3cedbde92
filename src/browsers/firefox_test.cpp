#include <gmock/gmock.h>

#include "browsers/browser_environment.h"
#include "browsers/browser_kind.h"

namespace webpool::browsers {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

LaunchOptions options() {
  LaunchOptions result;
  result.browser = {"firefox", "firefox", "/usr/lib/firefox-esr/firefox-esr", "153"};
  result.folder.root = "/cache/slots/0/firefox-0";
  result.url = "http://127.0.0.1:1234/?token=x";
  return result;
}

TEST(Firefox, HasItsOwnProfileAndOneUrlAtTheEnd) {
  auto launch = options();
  EXPECT_THAT(firefoxKind().arguments(launch),
              ElementsAre("-headless", "-no-remote", "-profile", "/cache/slots/0/firefox-0/profile",
                          "http://127.0.0.1:1234/?token=x"));
  launch.headless = false;
  launch.extraFlags = {"-purgecaches"};
  EXPECT_THAT(firefoxKind().arguments(launch),
              ElementsAre("-no-remote", "-profile", "/cache/slots/0/firefox-0/profile",
                          "-purgecaches", "http://127.0.0.1:1234/?token=x"));
}

TEST(Firefox, IsToldWhatItIsNotToDo) {
  const auto files = firefoxKind().profileFiles(options());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].name, "user.js");
  for (const auto* line :
       {"user_pref(\"dom.webgpu.enabled\", true);",
        "user_pref(\"gfx.webgpu.ignore-blocklist\", true);",
        "user_pref(\"datareporting.policy.dataSubmissionEnabled\", false);",
        "user_pref(\"app.update.enabled\", false);",
        "user_pref(\"browser.safebrowsing.malware.enabled\", false);",
        "user_pref(\"network.captive-portal-service.enabled\", false);",
        "user_pref(\"dom.push.enabled\", false);",
        "user_pref(\"services.settings.server\", \"data:,#remote-settings-dummy/v1\");",
        "user_pref(\"network.proxy.type\", 1);",
        "user_pref(\"network.proxy.no_proxies_on\", \"127.0.0.1, localhost\");"}) {
    EXPECT_THAT(files[0].text, HasSubstr(std::string(line) + "\n"));
  }
}

TEST(Firefox, AsksThePagesHostItself) {
  auto launch = options();
  launch.url = "http://pool.test:80/x";
  EXPECT_THAT(firefoxKind().profileFiles(launch)[0].text,
              HasSubstr("\"127.0.0.1, localhost, pool.test\""));
}

TEST(Firefox, KeepsItsSandboxForRootToo) {
  Environment environment;
  environment.userId = 0;
  const auto machine = inspectMachineFor(environment, options().browser);
  EXPECT_TRUE(machine.sandbox);
  EXPECT_EQ(machine.notice, "");
}

TEST(Firefox, ReportsNoCrash) {
  const auto launch = options();
  EXPECT_THAT(
      browserEnvironment(launch, "mark", firefoxKind().environment(launch)),
      IsSupersetOf({"WEBPOOL_BROWSER=mark", "MOZ_CRASHREPORTER_DISABLE=1",
                    "HOME=/cache/slots/0/firefox-0/home", "TMPDIR=/cache/slots/0/firefox-0/tmp"}));
}

}  // namespace
}  // namespace webpool::browsers
