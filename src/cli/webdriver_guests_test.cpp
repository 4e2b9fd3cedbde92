#include "cli/webdriver_guests.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>
#include <future>
#include <optional>

#include "browsers/testing/fake_remote_end.h"
#include "browsers/webdriver_records.h"
#include "net/event_loop.h"
#include "net/http_client.h"
#include "net/server.h"

namespace webpool::cli {
namespace {

using browsers::testing::FakeRemoteEnd;
using ::testing::HasSubstr;
using ::testing::StartsWith;

boost::json::value page(std::string_view section, std::string_view said = "") {
  return {{"section", section}, {"said", said}, {"title", "Lend this device to webpool"}};
}

/// The fake behind a real server: what is said here went through sockets.
class RemoteEndServer {
 public:
  explicit RemoteEndServer(FakeRemoteEnd& end) {
    server_ = std::move(net::Server::listen(loop_, {}).value());
    for (const auto* method : {"GET", "POST", "DELETE"}) {
      server_->routePrefix(method, "/", [&end](const net::Request& request, const auto& respond) {
        auto answer = end.answer(request.method, request.path, request.body);
        net::Response response;
        response.status = answer.status;
        response.headers.set("Content-Type", "application/json; charset=utf-8");
        response.body = std::move(answer.body);
        respond(std::move(response));
      });
    }
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~RemoteEndServer() {
    loop_.post([this] {
      server_.reset();
      loop_.stop();
    });
    thread_.join();
  }
  std::string url() const { return server_->origin(); }

 private:
  net::EventLoop loop_;
  std::unique_ptr<net::Server> server_;
  std::thread thread_;
};

class WebDriverGuestsTest : public ::testing::Test {
 protected:
  WebDriverGuestsTest() {
    char pattern[] = "/tmp/webpool-guests-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  ~WebDriverGuestsTest() override {
    guests_.reset();
    std::filesystem::remove_all(folder_);
  }

  GuestPlan plan() const {
    return {.target = {.remote = server_.url(), .browserName = "safari"},
            .link = "https://192.0.2.1:8443/join/#key=abc",
            .ownCertificate = true,
            .records = records(),
            .lookEvery = std::chrono::milliseconds(1),
            .looks = 20,
            .watchEvery = std::chrono::milliseconds(1)};
  }
  void start(std::vector<GuestPlan> plans) {
    guests_.emplace(
        http_, base::systemRandom(), records(), std::move(plans),
        GuestEvents{
            .agreed = [this](const auto&, const auto& browser) { agreed_.set_value(browser); },
            .ended = [this](const auto&, const std::string& why) { ended_.set_value(why); },
            .failed = [this](const auto&, const Error& error) { failed_.set_value(error); },
            .swept = [this](const std::string& remote) { swept_.set_value(remote); }});
  }
  void start() { start({plan()}); }

  std::filesystem::path records() const { return folder_ / "webdriver"; }

  FakeRemoteEnd end_;
  RemoteEndServer server_{end_};
  net::HttpClient http_;
  std::filesystem::path folder_;
  std::promise<browsers::WebDriverBrowser> agreed_;
  std::promise<std::string> ended_;
  std::promise<Error> failed_;
  std::promise<std::string> swept_;
  std::optional<WebDriverGuests> guests_;
};

TEST_F(WebDriverGuestsTest, AgreesAndStaysUntilItIsStopped) {
  end_.pageReturns({page(""), page(""), page("ask", "box")});
  end_.pageReturnsAfterClick({page("ask"), page("active")});
  start();
  const auto browser = agreed_.get_future().get();
  EXPECT_EQ(browser.name, "Safari");
  EXPECT_EQ(browser.platform, "macOS");
  EXPECT_TRUE(browsers::hasWebDriverRecords(records()));
  const auto said = end_.said();
  EXPECT_EQ(said[0], R"(POST /session {"capabilities":{"alwaysMatch":)"
                     R"({"browserName":"safari","acceptInsecureCerts":true}}})");
  EXPECT_EQ(said[1], R"(POST /session/1/url {"url":"https://192.0.2.1:8443/join/#key=abc"})");
  EXPECT_THAT(said, ::testing::Contains(StartsWith("POST /session/1/element/node-1/click")));
  guests_->stop();
  EXPECT_EQ(end_.said().back(), "DELETE /session/1");
  EXPECT_EQ(end_.session(), "");
  EXPECT_FALSE(browsers::hasWebDriverRecords(records()));
}

TEST_F(WebDriverGuestsTest, NothingIsPressedBeforeThePageAsks) {
  end_.pageReturns({page("")});
  start();
  const auto error = failed_.get_future().get();
  EXPECT_EQ(error.category, ErrorCategory::Timeout);
  EXPECT_THAT(error.message, HasSubstr("Lend this device"));
  for (const auto& call : end_.said()) EXPECT_THAT(call, ::testing::Not(HasSubstr("click")));
  EXPECT_EQ(end_.session(), "") << "ended after an error too";
  EXPECT_FALSE(browsers::hasWebDriverRecords(records()));
}

TEST_F(WebDriverGuestsTest, RefusalIsToldInThePagesWords) {
  end_.pageReturns({page("refused", "This link is stale. It has expired")});
  start();
  const auto error = failed_.get_future().get();
  EXPECT_EQ(error.category, ErrorCategory::BrowserFailed);
  EXPECT_THAT(error.message, HasSubstr("This link is stale. It has expired"));
}

TEST_F(WebDriverGuestsTest, PageThatCantBeReachedSaysWhatToCheck) {
  end_.failNext("/url", 500, "unknown error", "net::ERR_CONNECTION_REFUSED\n  at stack");
  start();
  const auto error = failed_.get_future().get();
  EXPECT_THAT(error.message, HasSubstr("ERR_CONNECTION_REFUSED"));
  EXPECT_THAT(error.hint, HasSubstr("--host"));
}

TEST_F(WebDriverGuestsTest, PersonWhoStopsThePageEndsTheSession) {
  end_.pageReturns({page("ask")});
  end_.pageReturnsAfterClick({page("active"), page("active"), page("stopped", "Stopped")});
  start();
  EXPECT_EQ(ended_.get_future().get(), "Stopped");
  end_.waitForCall("DELETE /session/1");
}

TEST_F(WebDriverGuestsTest, BrowserThatIsClosedIsNoticed) {
  end_.pageReturns({page("ask")});
  end_.pageReturnsAfterClick({page("active")});
  start();
  agreed_.get_future().wait();
  end_.closeBrowser();
  EXPECT_EQ(failed_.get_future().get().category, ErrorCategory::WorkerLost);
}

TEST_F(WebDriverGuestsTest, TwoSilentLooksAreForgiven) {
  end_.pageReturns({page("ask")});
  const auto silence = FakeRemoteEnd::scriptFails("unknown error", "busy");
  end_.pageReturnsAfterClick(
      {page("active"), silence, silence, page("active"), silence, silence, page("stopped", "x")});
  start();
  EXPECT_EQ(ended_.get_future().get(), "x");
}

TEST_F(WebDriverGuestsTest, ThreeSilentLooksAreNot) {
  end_.pageReturns({page("ask")});
  end_.pageReturnsAfterClick({page("active"), FakeRemoteEnd::scriptFails("unknown error", "busy")});
  start();
  EXPECT_THAT(failed_.get_future().get().message, HasSubstr("busy"));
  end_.waitForCall("DELETE /session/1");
}

TEST_F(WebDriverGuestsTest, WhatADeadRunLeftIsEndedFirst) {
  end_.answer("POST", "/session", R"({"capabilities":{"alwaysMatch":{}}})");
  ASSERT_TRUE(browsers::WebDriverRecord::write(records(), base::systemRandom(), server_.url(),
                                               end_.session()));
  end_.pageReturns({page("ask")});
  end_.pageReturnsAfterClick({page("active")});
  start();
  EXPECT_EQ(swept_.get_future().get(), server_.url());
  agreed_.get_future().wait();
  EXPECT_EQ(end_.session(), "2") << "Safari has one session at a time";
}

TEST_F(WebDriverGuestsTest, WhatADeadRunLeftIsEndedWithoutGuestsToo) {
  end_.answer("POST", "/session", R"({"capabilities":{"alwaysMatch":{}}})");
  ASSERT_TRUE(browsers::WebDriverRecord::write(records(), base::systemRandom(), server_.url(),
                                               end_.session()));
  start({});
  EXPECT_EQ(swept_.get_future().get(), server_.url());
  EXPECT_EQ(end_.session(), "");
}

TEST_F(WebDriverGuestsTest, StopWhileThePageIsWaitedForEndsTheSession) {
  end_.pageReturns({page("")});
  auto patient = plan();
  patient.looks = 1'000'000;
  start({patient});
  end_.waitForCall("POST /session/1/execute/sync");
  guests_->stop();
  EXPECT_EQ(end_.session(), "");
  EXPECT_EQ(failed_.get_future().wait_for(std::chrono::seconds(0)), std::future_status::timeout);
}

TEST_F(WebDriverGuestsTest, RecordThatCantBeWrittenIsAnErrorAndNoSession) {
  std::ofstream(records()) << "a file where the folder should be";
  start();
  EXPECT_EQ(failed_.get_future().get().category, ErrorCategory::Storage);
  EXPECT_EQ(end_.session(), "");
}

TEST(WebDriverTargetTest, UrlWithOrWithoutABrowser) {
  const auto plain = parseWebDriverTarget("http://mac.local:4444/");
  ASSERT_TRUE(plain) << plain.error().describe();
  EXPECT_EQ(plain->remote, "http://mac.local:4444");
  EXPECT_EQ(plain->browserName, "");
  EXPECT_TRUE(plain->inTheClear);
  const auto named = parseWebDriverTarget("safari=https://grid.example/wd/hub");
  ASSERT_TRUE(named);
  EXPECT_EQ(named->remote, "https://grid.example/wd/hub");
  EXPECT_EQ(named->browserName, "safari");
  EXPECT_FALSE(named->inTheClear);
  EXPECT_FALSE(parseWebDriverTarget("http://127.0.0.1:4444")->inTheClear);
  for (const auto* wrong :
       {"", "safari", "safari=", "=http://a", "sa\"fari=http://a", "mac.local:4444", "http://a:0",
        "safari=ftp://a", "http://a/?b=c", "http://a#b"}) {
    const auto target = parseWebDriverTarget(wrong);
    ASSERT_FALSE(target) << wrong;
    EXPECT_EQ(target.error().category, ErrorCategory::InvalidArgument);
  }
}

}  // namespace
}  // namespace webpool::cli
