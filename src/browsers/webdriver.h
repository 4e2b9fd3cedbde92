// A browser that another program drives for us: safaridriver on a Mac, WebKitWebDriver,
// chromedriver, geckodriver, a Selenium Grid. So webpool can use a browser of a system that it does
// not run on.
#pragma once

#include <boost/json/value.hpp>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "browsers/webdriver_wire.h"
#include "webpool/error.h"

namespace webpool::browsers {

/// A session at a remote end. Every call blocks: use it on a worker thread, one at a time. Errors
/// are those of the HTTP client and of readAnswer(): WorkerLost when the session or its window is
/// gone. Must not outlive the client.
class WebDriverSession {
 public:
  /// `remote`: an address such as "http://mac.local:4444". May take a minute. When `stop` comes
  /// while the browser starts, the driver has 10 more seconds to name the session, which is then
  /// ended. BrowserFailed or Busy when the driver opens none.
  static Result<std::unique_ptr<WebDriverSession>> open(base::HttpClient& http,
                                                        std::string_view remote,
                                                        const WebDriverWish& wish,
                                                        const std::stop_token& stop);
  /// end()
  ~WebDriverSession();
  WebDriverSession(const WebDriverSession&) = delete;
  WebDriverSession& operator=(const WebDriverSession&) = delete;

  const WebDriverBrowser& browser() const noexcept { return browser_; }

  /// Returns when the page is loaded.
  Result<void> navigate(std::string_view url, const std::stop_token& stop);
  /// The reference of the first element that fits; NotFound.
  Result<std::string> find(std::string_view cssSelector, const std::stop_token& stop);
  /// As a person does: the element must be visible.
  Result<void> click(std::string_view element, const std::stop_token& stop);
  /// Runs the body of a function in the page and gives back what it returns.
  Result<boost::json::value> execute(std::string_view script, const std::stop_token& stop);

  /// Closes the browser's window and frees the driver for the next; within 10 seconds. A session
  /// that was gone already is no error. Idempotent.
  Result<void> end();

 private:
  WebDriverSession(base::HttpClient& http, std::string remote, WebDriverBrowser browser)
      : http_(http), remote_(std::move(remote)), browser_(std::move(browser)) {}
  Result<boost::json::value> post(std::string_view path, std::string body, base::Duration timeout,
                                  const std::stop_token& stop);

  base::HttpClient& http_;
  std::string remote_;
  WebDriverBrowser browser_;
  bool ended_ = false;
};

/// Ends a session that is known by its name only. No error where the driver does not know it.
Result<void> endWebDriverSession(base::HttpClient& http, std::string_view remote,
                                 std::string_view session, const std::stop_token& stop);

}  // namespace webpool::browsers
