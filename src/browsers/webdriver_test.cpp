#include "browsers/webdriver.h"

#include <gmock/gmock.h>

#include "browsers/testing/fake_remote_end.h"

namespace webpool::browsers {
namespace {

using ::testing::ElementsAre;
using testing::FakeRemoteClient;
using testing::FakeRemoteEnd;
using ::testing::HasSubstr;

constexpr const char* kRemote = "http://mac.local:4444";

class WebDriverTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<WebDriverSession>> open(const WebDriverWish& wish = {}) {
    return WebDriverSession::open(http_, kRemote, wish, {});
  }

  FakeRemoteEnd end_;
  FakeRemoteClient http_{end_, kRemote};
};

TEST_F(WebDriverTest, DrivesAPageAndLeavesNoSession) {
  end_.pageReturns({boost::json::value{{"section", "ask"}}});
  {
    const auto session =
        WebDriverSession::open(http_, std::string(kRemote) + "/", {.browserName = "safari"}, {});
    ASSERT_TRUE(session) << session.error().describe();
    EXPECT_EQ((*session)->browser().name, "Safari");
    EXPECT_TRUE((*session)->navigate("https://pool/join/", {}));
    const auto element = (*session)->find("#agree", {});
    ASSERT_TRUE(element) << element.error().describe();
    EXPECT_TRUE((*session)->click(*element, {}));
    const auto value = (*session)->execute("return 1", {});
    ASSERT_TRUE(value) << value.error().describe();
    EXPECT_EQ(value->at("section"), "ask");
  }
  EXPECT_THAT(
      end_.said(),
      ElementsAre(R"(POST /session {"capabilities":{"alwaysMatch":{"browserName":"safari"}}})",
                  R"(POST /session/1/url {"url":"https://pool/join/"})",
                  R"(POST /session/1/element {"using":"css selector","value":"#agree"})",
                  "POST /session/1/element/node-1/click {}",
                  R"(POST /session/1/execute/sync {"script":"return 1","args":[]})",
                  "DELETE /session/1"));
  EXPECT_EQ(end_.session(), "");
}

TEST_F(WebDriverTest, SafariHasOneSessionAtATime) {
  auto first = open();
  ASSERT_TRUE(first);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().category, ErrorCategory::Busy);
  EXPECT_NE(end_.session(), "") << "the first goes on";
  EXPECT_TRUE((*first)->end());
  EXPECT_TRUE(open());
}

TEST_F(WebDriverTest, SafariThatIsNotToBeAutomated) {
  end_.allowRemoteAutomation(false);
  const auto session = open();
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().category, ErrorCategory::BrowserFailed);
  EXPECT_THAT(session.error().hint, HasSubstr("safaridriver --enable"));
}

TEST_F(WebDriverTest, BrowserThatTakesNoOwnCertificateIsLetGo) {
  end_.acceptInsecureCerts(false);
  const auto session = open({.acceptInsecureCerts = true});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(session.error().hint, HasSubstr("--tls-cert"));
  EXPECT_EQ(end_.session(), "") << "its session was ended";
  EXPECT_TRUE(open()) << "without our certificate there is nothing to refuse";
}

TEST_F(WebDriverTest, SessionThatIsGoneIsLostAndNoErrorToEnd) {
  const auto session = open();
  ASSERT_TRUE(session);
  end_.closeBrowser();
  const auto value = (*session)->execute("return 1", {});
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().category, ErrorCategory::WorkerLost);
  EXPECT_TRUE((*session)->end());
  EXPECT_TRUE((*session)->end());
  EXPECT_FALSE((*session)->navigate("https://pool/", {}));
}

TEST_F(WebDriverTest, RemoteEndThatIsNotThereIsNamed) {
  const auto session = WebDriverSession::open(http_, "http://other:4444", {}, {});
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().category, ErrorCategory::Fetch);
  EXPECT_THAT(session.error().message, HasSubstr("other"));
}

/// Stops its caller while the driver opens the session, as a person's Ctrl-C does.
class StoppingClient final : public base::HttpClient {
 public:
  explicit StoppingClient(base::HttpClient& inner) : inner_(inner) {}
  Result<base::HttpResponse> request(const base::HttpRequest& request,
                                     std::stop_token stop) override {
    auto answer = inner_.request(request, std::move(stop));
    if (request.method == "POST") {
      EXPECT_GT(request.graceAfterStop.count(), 0);
      source.request_stop();
    }
    return answer;
  }
  std::stop_source source;

 private:
  base::HttpClient& inner_;
};

TEST_F(WebDriverTest, StopWhileTheBrowserStartsLeavesNoSession) {
  StoppingClient http(http_);
  const auto session = WebDriverSession::open(http, kRemote, {}, http.source.get_token());
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().category, ErrorCategory::Cancelled);
  EXPECT_EQ(end_.said().back(), "DELETE /session/1");
}

}  // namespace
}  // namespace webpool::browsers
