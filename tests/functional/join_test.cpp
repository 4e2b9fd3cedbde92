// Browsers that join by a link: the real server, a real browser, a person's presses.
#include <gmock/gmock.h>
#include <signal.h>

#include "serve_harness.h"
#include "visitor.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

class Join : public ServeTest {
 protected:
  /// Waits for the link.
  std::unique_ptr<Running> serve(std::vector<std::string> more = {}) {
    auto running = startServe(std::move(more));
    EXPECT_TRUE(running->waitForOutput("}\n")) << running->soFar().err;
    const auto first = event(*running, "listening");
    link_ = first.contains("link") ? std::string(first.at("link").as_string()) : "";
    return running;
  }

  std::string chromium() {
    const auto found = run({"browsers", "--json"}).json();
    for (const auto& browser : found.at("browsers").as_array()) {
      if (browser.at("name") == "chromium") return std::string(browser.at("path").as_string());
    }
    ADD_FAILURE() << "no Chromium is installed";
    return "";
  }

  std::string link_;
};

TEST_F(Join, PersonAgreesPausesGoesOnAndStops) {
  const auto browser = chromium();
  auto running = serve();
  EXPECT_THAT(link_, testing::StartsWith("https://127.0.0.1:"));
  Visitor visitor(browser, folder() / "visitor", link_);
  visitor.waitForSection("ask");
  EXPECT_NE(visitor.evaluate("document.querySelector('[data-fill=machine]').textContent"), "");
  EXPECT_EQ(visitor.evaluate("document.querySelectorAll('iframe').length"), "0")
      << "nothing runs before a person agreed";

  visitor.press("agree");
  ASSERT_TRUE(waitForEvent(*running, "joined"));
  const auto joined = event(*running, "joined");
  EXPECT_EQ(joined.at("device"), "joined-1");
  EXPECT_EQ(joined.at("trust"), "joined");
  EXPECT_EQ(joined.at("cross_origin_isolated"), true) << "WebAssembly threads need it";
  EXPECT_EQ(joined.at("keeps_models"), true);
  visitor.waitUntil("document.getElementById('headline').textContent === 'Ready'");
  EXPECT_EQ(visitor.evaluate("document.querySelector('iframe').contentWindow.performance"
                             ".getEntriesByType('resource').some(file => "
                             "file.name.includes('/assets/page-') && file.encodedBodySize > 0 && "
                             "2 * file.encodedBodySize < file.decodedBodySize)"),
            "true")
      << "the page's code comes compressed";

  visitor.press("pause");
  ASSERT_TRUE(waitForEvent(*running, "paused"));
  visitor.waitUntil("document.getElementById('headline').textContent === 'Paused'");
  visitor.press("pause");
  ASSERT_TRUE(waitForEvent(*running, "resumed"));

  visitor.press("stop");
  ASSERT_TRUE(waitForEvent(*running, "left"));
  EXPECT_EQ(event(*running, "left").at("why"), "stopped by its person");
  visitor.waitForSection("stopped");
  visitor.waitUntil("document.querySelectorAll('iframe').length === 0");

  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130);
  expectNothingLeft();
}

TEST_F(Join, StaleLinksAreRefusedWithACure) {
  const auto browser = chromium();
  auto running = serve({"--link-ttl", "1s"});
  ASSERT_TRUE(waitForEvent(*running, "link_expired"));
  Visitor visitor(browser, folder() / "visitor", link_);
  visitor.waitForSection("refused");
  const auto text = visitor.evaluate("document.getElementById('refused').innerText");
  EXPECT_THAT(text, HasSubstr("This link is stale"));
  EXPECT_THAT(text, HasSubstr("ask whoever sent you the link"));
  visitor.evaluate("location.hash = ''");
  visitor.waitUntil("document.getElementById('refused').innerText.includes('not whole')");
  EXPECT_EQ(event(*running, "joined"), boost::json::object{});
  running->signal(SIGTERM);
  EXPECT_EQ(running->wait().code, 143);
}

TEST_F(Join, ClosedTabLeavesAndTheEndOfThePoolIsTold) {
  const auto browser = chromium();
  auto running = serve();
  {
    Visitor visitor(browser, folder() / "visitor", link_);
    visitor.waitForSection("ask");
    visitor.press("agree");
    ASSERT_TRUE(waitForEvent(*running, "joined"));
    visitor.evaluate("location.href = 'about:blank'");
    ASSERT_TRUE(waitForEvent(*running, "left"));
  }
  Visitor visitor(browser, folder() / "visitor2", link_);
  visitor.waitForSection("ask");
  visitor.press("agree");
  ASSERT_TRUE(running->waitForOutput("\"device\":\"joined-2\""));
  running->signal(SIGINT);
  EXPECT_EQ(running->wait().code, 130);
  visitor.waitUntil(
      "document.getElementById('detail').textContent.includes('can’t be reached') || "
      "!document.getElementById('stopped').hidden");
}

TEST_F(Join, PersonAtATerminalGetsLinkFingerprintAndWhatVisitorsAreAsked) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  auto running = start({"serve", "--join", "--host", "127.0.0.1", "--no-browser"});
  EXPECT_TRUE(running->waitForOutput("Ctrl-C"));
  running->signal(SIGINT);
  const auto done = running->wait();
  EXPECT_EQ(done.code, 130);
  EXPECT_THAT(done.out, HasSubstr("/join/#key="));
  EXPECT_THAT(done.out, HasSubstr("SHA-256 fingerprint"));
  EXPECT_THAT(done.out, testing::Not(HasSubstr("▀"))) << "no code of characters for a program";
  const auto key = folder() / "data/join/key.pem";
  EXPECT_EQ(std::filesystem::status(key).permissions(), std::filesystem::perms(0600));
}

TEST_F(Join, WrongUseIsNamed) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  EXPECT_EQ(run({"serve", "--host", "0.0.0.0"}).code, 2);
  EXPECT_EQ(run({"serve", "--no-browser"}).code, 2);
  EXPECT_EQ(run({"serve", "--join", "--link-ttl", "5"}).code, 2);
  EXPECT_EQ(run({"serve", "--join", "--host", "not-an-address", "--no-browser"}).code, 2);
  const auto missing =
      run({"serve", "--join", "--no-browser", "--tls-cert", (folder() / "c.pem").native(),
           "--tls-key", (folder() / "k.pem").native()});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.err, HasSubstr("c.pem"));
  const auto certificate = write("c.pem", "no certificate");
  const auto key = write("k.pem", "no key");
  const auto broken = run({"serve", "--join", "--no-browser", "--tls-cert", certificate.native(),
                           "--tls-key", key.native()});
  EXPECT_EQ(broken.code, 2);
  EXPECT_THAT(broken.err, HasSubstr("holds no certificate"));
}

}  // namespace
}  // namespace webpool::functional
