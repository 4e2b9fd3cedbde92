#include "browsers/webdriver_wire.h"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace webpool::browsers {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kRemote = "http://mac.local:4444";

Error errorOf(int status, std::string_view body) {
  const auto value = readAnswer(status, body, kRemote);
  EXPECT_FALSE(value) << body;
  return value ? Error{} : value.error();
}

Error errorOf(std::string_view code, std::string_view message) {
  const auto body = boost::json::serialize(boost::json::object{
      {"value", boost::json::object{{"error", code}, {"message", message}, {"stacktrace", ""}}}});
  return errorOf(500, body);
}

TEST(WebDriverWireTest, AsksForWhatIsWished) {
  EXPECT_EQ(newSessionBody({}), R"({"capabilities":{"alwaysMatch":{}}})");
  const auto body = boost::json::parse(newSessionBody(
      {.browserName = "safari", .acceptInsecureCerts = true, .more = {{"platformName", "mac"}}}));
  const boost::json::value expected = {
      {"capabilities",
       {{"alwaysMatch",
         {{"platformName", "mac"}, {"browserName", "safari"}, {"acceptInsecureCerts", true}}}}}};
  EXPECT_EQ(body, expected);
}

TEST(WebDriverWireTest, TextIsQuotedAsJson) {
  EXPECT_EQ(scriptBody("return \"a\\b\""), R"({"script":"return \"a\\b\"","args":[]})");
  EXPECT_EQ(findByCssBody("#agree"), R"({"using":"css selector","value":"#agree"})");
  EXPECT_EQ(navigateBody("https://a/#key=\"x"), R"({"url":"https://a/#key=\"x"})");
}

TEST(WebDriverWireTest, ReadsSessionsAndElements) {
  const auto value = readAnswer(200, R"({"value":{"sessionId":"A-1","capabilities":{
      "browserName":"Safari","browserVersion":"18.0","platformName":"macOS",
      "acceptInsecureCerts":false}}})",
                                kRemote);
  ASSERT_TRUE(value) << value.error().describe();
  const auto browser = readNewSession(*value, kRemote);
  ASSERT_TRUE(browser) << browser.error().describe();
  EXPECT_EQ(browser->session, "A-1");
  EXPECT_EQ(browser->name, "Safari");
  EXPECT_EQ(browser->version, "18.0");
  EXPECT_EQ(browser->platform, "macOS");
  EXPECT_TRUE(browser->refusesInsecureCerts);

  const auto element = readElement(
      boost::json::parse(R"({"element-6066-11e4-a52e-4f735466cecf":"node-9"})"), kRemote);
  ASSERT_TRUE(element);
  EXPECT_EQ(*element, "node-9");
}

TEST(WebDriverWireTest, ScriptMayReturnWhatLooksLikeAnError) {
  const auto value = readAnswer(200, R"({"value":{"error":"mine","message":"x"}})", kRemote);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->at("error"), "mine");
}

TEST(WebDriverWireTest, NamesThatDoNotFitAPathAreRefused) {
  for (const auto* id : {"", "..", "a/b", "a b", "a\\r\\nb", "a?b", "ä", "a%2fb"}) {
    const auto value =
        boost::json::parse(std::string(R"({"sessionId":")") + id + R"(","capabilities":{}})");
    const auto browser = readNewSession(value, kRemote);
    ASSERT_FALSE(browser) << id;
    EXPECT_EQ(browser.error().category, ErrorCategory::Protocol);
  }
  EXPECT_FALSE(isPathSafe(std::string(1000, 'a')));
  EXPECT_FALSE(readElement(boost::json::parse(R"({"ELEMENT":"old"})"), kRemote));
  EXPECT_FALSE(readNewSession(boost::json::parse(R"({"sessionId":"a"})"), kRemote));
  EXPECT_FALSE(readNewSession(nullptr, kRemote));
}

TEST(WebDriverWireTest, SafariThatIsNotToBeAutomatedSaysHowToSwitchItOn) {
  const auto error =
      errorOf("session not created",
              "Could not create a session: You must enable the 'Allow Remote Automation' option in "
              "Safari's Develop menu to control Safari via WebDriver.");
  EXPECT_EQ(error.category, ErrorCategory::BrowserFailed);
  EXPECT_THAT(error.message, HasSubstr("http://mac.local:4444: session not created: Could not"));
  EXPECT_THAT(error.hint, HasSubstr("safaridriver --enable"));
}

TEST(WebDriverWireTest, DriversThatHaveASessionAlreadyAreBusy) {
  for (const auto* message :
       {"Could not create a session: The Safari instance is already paired with another WebDriver "
        "session.",
        "Session is already started", "Maximum number of active sessions"}) {
    const auto error = errorOf("session not created", message);
    EXPECT_EQ(error.category, ErrorCategory::Busy) << message;
    EXPECT_TRUE(error.shouldRetry());
    EXPECT_THAT(error.hint, HasSubstr("restart its driver"));
  }
  EXPECT_EQ(errorOf("session not created", "no such browser").category,
            ErrorCategory::BrowserFailed);
}

TEST(WebDriverWireTest, ErrorsHaveTheirCategory) {
  EXPECT_EQ(errorOf("invalid session id", "").category, ErrorCategory::WorkerLost);
  EXPECT_EQ(errorOf("no such window", "").category, ErrorCategory::WorkerLost);
  EXPECT_EQ(errorOf("timeout", "").category, ErrorCategory::Timeout);
  EXPECT_EQ(errorOf("insecure certificate", "").category, ErrorCategory::Unsupported);
  EXPECT_EQ(errorOf("no such element", "").category, ErrorCategory::NotFound);
  EXPECT_EQ(errorOf("invalid argument", "").category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(errorOf("unknown command", "").category, ErrorCategory::Unsupported);
  EXPECT_EQ(errorOf("unknown error", "net::ERR_CONNECTION_REFUSED").category,
            ErrorCategory::BrowserFailed);
  EXPECT_EQ(errorOf("something new", "").category, ErrorCategory::BrowserFailed);
}

TEST(WebDriverWireTest, WhatIsNoWebDriverIsSaidSo) {
  for (const auto* body : {"", "<html>", "[]", "{}", "null", R"({"value")", R"({"status":0})"}) {
    for (const int status : {200, 404, 500}) {
      EXPECT_EQ(errorOf(status, body).category, ErrorCategory::Protocol) << body;
    }
  }
  for (const auto* body : {R"({"value":null})", R"({"value":{"error":7}})", R"({"value":[]})"}) {
    EXPECT_EQ(errorOf(404, body).category, ErrorCategory::Protocol) << body;
  }
  EXPECT_EQ(errorOf(200, std::string(100'000, '[')).category, ErrorCategory::Protocol);
}

TEST(WebDriverWireTest, ForeignTextIsFitForATerminal) {
  EXPECT_EQ(oneLine("first\nsecond"), "first");
  EXPECT_EQ(oneLine("a\x1b[31mb\tc\x7f"), "a [31mb c ");
  EXPECT_EQ(oneLine("a\xc2\x9b"
                    "31mb"),
            "a 31mb")
      << "a control character in two bytes";
  EXPECT_EQ(oneLine("ä…"), "ä…");
  EXPECT_LE(oneLine(std::string(1000, 'x')).size(), 300u);
  std::string letters;
  while (letters.size() < 1000) letters += "…";
  EXPECT_EQ(oneLine(letters).size() % std::string("…").size(), 0u);
  EXPECT_THAT(errorOf("unknown error", "one\n  at stack:1\n").message, Not(HasSubstr("stack")));
  EXPECT_EQ(errorOf("unknown error", "unknown error: net::ERR").message,
            "http://mac.local:4444: unknown error: net::ERR");
  EXPECT_EQ(errorOf("unknown error", "").message, "http://mac.local:4444: unknown error");
}

}  // namespace
}  // namespace webpool::browsers
