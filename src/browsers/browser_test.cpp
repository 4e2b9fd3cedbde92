#include "browsers/browser.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

using testing::HasSubstr;

class Finder : public testing::Test {
 protected:
  Finder() {
    environment_.root = folder_.path();
    environment_.variables["PATH"] = "/usr/bin:relative::/opt/bin";
  }

  /// A program that counts how often it is asked.
  std::filesystem::path fakeBrowser(const std::string& path, std::string_view answer) {
    const auto program = folder_.path() / path;
    test::writeScript(program,
                      "echo x >> " + counter().native() + "\necho '" + std::string(answer) + "'");
    return program;
  }

  std::filesystem::path counter() const { return folder_.path() / "asked"; }

  long timesAsked() const {
    std::ifstream file(counter());
    return std::count(std::istreambuf_iterator<char>(file), {}, '\n');
  }

  test::TempFolder folder_;
  Environment environment_;
};

TEST_F(Finder, FindsInPath) {
  const auto program = fakeBrowser("opt/bin/chromium", "Chromium 901.22.3 built on Fake");
  BrowserFinder finder(environment_);
  const auto browser = finder.find("chromium");
  ASSERT_TRUE(browser) << browser.error().describe();
  EXPECT_EQ(browser->path, program);
  EXPECT_EQ(browser->version, "901.22.3");
  EXPECT_EQ(browser->engine, "chromium");
  EXPECT_FALSE(finder.find("firefox"));
  EXPECT_EQ(finder.find("auto")->path, program);
}

TEST_F(Finder, WhatWasAskedAsOneBrowserIsNotKnownAsAnother) {
  const auto program = fakeBrowser("opt/bin/chromium", "Chromium 901.22.3 built on Fake");
  BrowserFinder finder(environment_, folder_.path() / "cache/versions");
  ASSERT_TRUE(finder.find("chromium"));
  ASSERT_TRUE(finder.overridePath("firefox", program));
  const auto firefox = finder.find("firefox");
  ASSERT_FALSE(firefox);
  EXPECT_THAT(firefox.error().message, HasSubstr("is no firefox"));
}

TEST_F(Finder, AGivenPathIsNeverReplacedByAnotherBrowser) {
  fakeBrowser("opt/bin/firefox", "Mozilla Firefox 900.0");
  environment_.variables["WEBPOOL_CHROMIUM"] = "/nonexistent";
  BrowserFinder finder(environment_);
  EXPECT_TRUE(finder.isGiven("chromium"));
  EXPECT_FALSE(finder.isGiven("firefox"));
  const auto found = finder.find("auto");
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("/nonexistent"));
  EXPECT_TRUE(finder.find("firefox"));
}

TEST_F(Finder, AsksForTheVersionOnceWhileTheFileStays) {
  fakeBrowser("opt/bin/chromium", "Chromium 901.0");
  const auto cache = folder_.path() / "cache/versions";
  BrowserFinder first(environment_, cache);
  first.find("chromium");
  first.find("chromium");
  EXPECT_EQ(timesAsked(), 1);
  BrowserFinder second(environment_, cache);
  EXPECT_EQ(second.find("chromium")->version, "901.0");
  EXPECT_EQ(timesAsked(), 1);
  fakeBrowser("opt/bin/chromium", "Chromium 902.0.0");
  EXPECT_EQ(second.find("chromium")->version, "902.0.0");
  EXPECT_EQ(BrowserFinder(environment_, cache).find("chromium")->version, "902.0.0");
  EXPECT_EQ(timesAsked(), 2);
}

TEST_F(Finder, GuessesWithoutAsking) {
  const auto program = fakeBrowser("opt/bin/chromium", "Chromium 901.0");
  const auto cache = folder_.path() / "cache/versions";
  BrowserFinder finder(environment_, cache);
  const auto guessed = finder.guess("auto");
  ASSERT_TRUE(guessed);
  EXPECT_EQ(guessed->path, program);
  EXPECT_EQ(guessed->version, "");
  EXPECT_EQ(timesAsked(), 0);
  finder.find("chromium");
  EXPECT_EQ(BrowserFinder(environment_, cache).guess("chromium")->version, "901.0");
}

TEST_F(Finder, TheFirstOfEachFamilyWithoutAskingAny) {
  BrowserFinder none(environment_);
  EXPECT_THAT(none.families(), testing::IsEmpty());
  fakeBrowser("opt/bin/google-chrome", "Google Chrome 901.1");
  fakeBrowser("opt/bin/microsoft-edge", "Microsoft Edge 901.1");
  fakeBrowser("opt/bin/firefox", "Mozilla Firefox 901.1");
  BrowserFinder finder(environment_);
  EXPECT_THAT(finder.families(), testing::ElementsAre("chrome", "firefox"));
  ASSERT_TRUE(finder.overridePath("chromium", folder_.path() / "mine"));
  EXPECT_THAT(finder.families(), testing::ElementsAre("chromium", "firefox"));
  EXPECT_EQ(timesAsked(), 0);
}

TEST_F(Finder, GuessesNothingOfWhatItCanNotKnow) {
  BrowserFinder none(environment_);
  EXPECT_FALSE(none.guess("auto"));
  EXPECT_FALSE(none.guess("no-such-browser"));
  fakeBrowser("opt/bin/chromium", "Chromium 901.0");
  BrowserFinder given(environment_);
  ASSERT_TRUE(given.overridePath("chromium", folder_.path() / "opt/bin/chromium"));
  EXPECT_FALSE(given.guess("chromium"));
}

TEST_F(Finder, NoneInstalledSaysHowToGetOne) {
  BrowserFinder finder(environment_);
  const auto browser = finder.find("");
  ASSERT_FALSE(browser);
  EXPECT_EQ(browser.error().category, ErrorCategory::BrowserNotFound);
  EXPECT_THAT(browser.error().hint, HasSubstr("apt install chromium"));
  EXPECT_THAT(browser.error().hint, HasSubstr("--browser-path chromium=PATH"));
}

TEST_F(Finder, UnknownName) {
  BrowserFinder finder(environment_);
  const auto browser = finder.find("netscape");
  ASSERT_FALSE(browser);
  EXPECT_EQ(browser.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(browser.error().hint, HasSubstr("chromium"));
  EXPECT_FALSE(finder.overridePath("netscape", "/x"));
}

TEST_F(Finder, AGivenPathWins) {
  fakeBrowser("opt/bin/chromium", "Chromium 901.0");
  const auto given = fakeBrowser("home/me/fake_chrome", "Google Chrome 909.8.7.6 ");
  BrowserFinder finder(environment_);
  ASSERT_TRUE(finder.overridePath("chromium", given));
  EXPECT_EQ(finder.find("chromium")->path, given);
  EXPECT_EQ(finder.find("chromium")->version, "909.8.7.6");
}

TEST_F(Finder, AGivenPathThatIsNoBrowser) {
  fakeBrowser("opt/bin/chromium", "Chromium 901.0");
  const auto expectRefused = [&](const std::filesystem::path& path, const std::string& why) {
    BrowserFinder finder(environment_);
    ASSERT_TRUE(finder.overridePath("chromium", path));
    const auto browser = finder.find("chromium");
    ASSERT_FALSE(browser) << path;
    EXPECT_EQ(browser.error().category, ErrorCategory::BrowserNotFound);
    EXPECT_THAT(browser.error().message, HasSubstr(path.native()));
    EXPECT_THAT(browser.error().message, HasSubstr(why));
  };
  expectRefused(fakeBrowser("fake_other", "GNU bash 5"), "\"GNU bash 5\"");
  expectRefused("/bin/false", "exited with code 1");
  expectRefused(folder_.path() / "none", "no executable file");
  expectRefused(folder_.path(), "no executable file");
  test::writeText(folder_.path() / "fake_text", "hello");
  expectRefused(folder_.path() / "fake_text", "no executable file");
  std::filesystem::permissions(folder_.path() / "fake_text", std::filesystem::perms(0755));
  expectRefused(folder_.path() / "fake_text", "Exec format error");
}

TEST_F(Finder, TheInstalledChromiumIsTheRealProgram) {
  BrowserFinder finder(Environment::ofThisProcess());
  const auto browser = finder.find("chromium");
  ASSERT_TRUE(browser) << browser.error().describe();
  EXPECT_THAT(browser->version, testing::MatchesRegex("[0-9]+\\.[0-9.]+"));
  std::ifstream file(browser->path, std::ios::binary);
  std::string magic(4, '\0');
  file.read(magic.data(), 4);
  EXPECT_EQ(magic,
            "\x7f"
            "ELF")
      << browser->path;
}

}  // namespace
}  // namespace webpool::browsers
