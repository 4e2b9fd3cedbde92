#include <gmock/gmock.h>

#include "browsers/browser.h"
#include "browsers/browser_kind.h"
#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class Kinds : public testing::Test {
 protected:
  Kinds() {
    environment_.root = folder_.path();
    environment_.variables["PATH"] = "/usr/bin";
  }

  std::filesystem::path fakeBrowser(const std::string& path, std::string_view answer) {
    const auto program = folder_.path() / path;
    test::writeScript(program, "echo '" + std::string(answer) + "'");
    return program;
  }

  test::TempFolder folder_;
  Environment environment_;
};

TEST_F(Kinds, AreKnownByName) {
  EXPECT_THAT(BrowserFinder::knownNames(),
              ElementsAre("chromium", "chrome", "edge", "chromium-webnn", "firefox", "webkit"));
  EXPECT_EQ(pathVariable(chromiumWebNnKind()), "WEBPOOL_CHROMIUM_WEBNN");
}

TEST_F(Kinds, EdgeAndChromeBehindTheirWrappers) {
  // As their packages install them: a link to a script that starts a program beside it.
  fakeBrowser("opt/microsoft/msedge/microsoft-edge", "not asked");
  const auto edge = fakeBrowser("opt/microsoft/msedge/msedge", "Microsoft Edge 150.0.1.2 ");
  fakeBrowser("opt/google/chrome/google-chrome", "not asked");
  const auto chrome = fakeBrowser("opt/google/chrome/chrome", "Google Chrome 151.0.3.4 ");
  std::filesystem::create_directories(folder_.path() / "usr/bin");
  std::filesystem::create_symlink(folder_.path() / "opt/microsoft/msedge/microsoft-edge",
                                  folder_.path() / "usr/bin/microsoft-edge");
  std::filesystem::create_symlink(folder_.path() / "opt/google/chrome/google-chrome",
                                  folder_.path() / "usr/bin/google-chrome-stable");
  BrowserFinder finder(environment_);
  const auto foundEdge = finder.find("edge");
  ASSERT_TRUE(foundEdge) << foundEdge.error().describe();
  EXPECT_EQ(foundEdge->path, edge);
  EXPECT_EQ(foundEdge->version, "150.0.1.2");
  EXPECT_EQ(foundEdge->engine, "chromium");
  const auto foundChrome = finder.find("chrome");
  ASSERT_TRUE(foundChrome) << foundChrome.error().describe();
  EXPECT_EQ(foundChrome->path, chrome);
  EXPECT_EQ(finder.find("auto")->name, "chrome");

  LaunchOptions launch;
  launch.folder.root = "/f";
  launch.url = "http://127.0.0.1:1/";
  EXPECT_EQ(edgeKind().arguments(launch), chromiumKind().arguments(launch));
  EXPECT_EQ(chromeKind().arguments(launch), chromiumKind().arguments(launch));
}

TEST_F(Kinds, EdgeIsNoChromium) {
  const auto edge = fakeBrowser("opt/microsoft/msedge/msedge", "Microsoft Edge 150.0.1.2");
  BrowserFinder finder(environment_);
  ASSERT_TRUE(finder.overridePath("chromium", edge));
  EXPECT_EQ(finder.find("chromium").error().category, ErrorCategory::BrowserNotFound);
}

TEST_F(Kinds, FirefoxBehindDebiansScript) {
  // /usr/bin/firefox execs firefox-esr by a name that only a shell can look up.
  test::writeScript(folder_.path() / "usr/bin/firefox",
                    "FIREFOX=\"$(command -v firefox)\"\nexec firefox-esr \"$@\"");
  const auto real = fakeBrowser("usr/lib/firefox-esr/firefox-esr", "Mozilla Firefox 153.7.0esr");
  std::filesystem::create_symlink(real, folder_.path() / "usr/bin/firefox-esr");
  const auto found = BrowserFinder(environment_).find("firefox");
  ASSERT_TRUE(found) << found.error().describe();
  EXPECT_EQ(found->path, real);
  EXPECT_EQ(found->version, "153.7.0");
}

TEST_F(Kinds, ChromiumWithWebNnByPathOrVariable) {
  const auto program = fakeBrowser("home/me/fake_shell", "Chromium 153.0.8010.0");
  EXPECT_EQ(BrowserFinder(environment_).find("chromium-webnn").error().category,
            ErrorCategory::BrowserNotFound);
  BrowserFinder given(environment_);
  ASSERT_TRUE(given.overridePath("chromium-webnn", program));
  EXPECT_EQ(given.find("chromium-webnn")->path, program);
  environment_.variables["WEBPOOL_CHROMIUM_WEBNN"] = program;
  BrowserFinder byVariable(environment_);
  EXPECT_EQ(byVariable.find("chromium-webnn")->path, program);
  EXPECT_FALSE(byVariable.guess("chromium-webnn"));

  LaunchOptions launch;
  launch.folder.root = "/f";
  launch.url = "http://127.0.0.1:1/?token=x";
  const auto arguments = chromiumWebNnKind().arguments(launch);
  EXPECT_EQ(arguments.back(), "http://127.0.0.1:1/?token=x") << "a headless shell knows no --app";
  EXPECT_THAT(arguments, Contains("--enable-features=WebMachineLearningNeuralNetwork"));
  launch.machine.gpu = true;
  EXPECT_THAT(chromiumWebNnKind().arguments(launch),
              Contains("--enable-features=WebMachineLearningNeuralNetwork,Vulkan"));
}

TEST_F(Kinds, TooOldIsRefusedWithTheReason) {
  const auto old = fakeBrowser("usr/bin/firefox-esr", "Mozilla Firefox 102.15.1esr");
  const auto found = BrowserFinder(environment_).find("firefox");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(found.error().message, HasSubstr("no usable firefox is installed: " + old.native() +
                                               " is firefox 102.15.1, and webpool needs 114"));
  EXPECT_THAT(found.error().hint, HasSubstr("update it"));
}

}  // namespace
}  // namespace webpool::browsers
