// WebDriver (W3C) as bytes: what is said to a driver and what its answers mean. Pure; webdriver.h
// does the talking.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "webpool/error.h"

namespace webpool::browsers {

struct WebDriverWish {
  std::string browserName = {};  ///< "safari", "chrome", "firefox", "MiniBrowser"; empty: any
  /// Pages whose certificate nobody vouches for are opened.
  bool acceptInsecureCerts = false;
  /// Further capabilities, e.g. {"webkitgtk:browserOptions": {…}}.
  boost::json::object more = {};
};

struct WebDriverBrowser {
  std::string session =
      {};                 ///< names the session in later calls; whoever has it controls the browser
  std::string name = {};  ///< "Safari"; empty where the driver does not say
  std::string version = {};
  std::string platform = {};  ///< "macOS"
  /// The driver says that it does not do what acceptInsecureCerts asks for.
  bool refusesInsecureCerts = false;
};

/// The body of POST /session.
std::string newSessionBody(const WebDriverWish& wish);
/// The body of POST …/execute/sync.
std::string scriptBody(std::string_view script);
/// The body of POST …/element.
std::string findByCssBody(std::string_view selector);
std::string navigateBody(std::string_view url);

/// The `value` of an answer. A WebDriver error becomes one of ours, with its first line and what to
/// do; Protocol for what no WebDriver would say. `remote` stands in messages.
Result<boost::json::value> readAnswer(int status, std::string_view body, std::string_view remote);

/// From the value of POST /session.
Result<WebDriverBrowser> readNewSession(const boost::json::value& value, std::string_view remote);

/// The reference of an element that was found.
Result<std::string> readElement(const boost::json::value& value, std::string_view remote);

/// A session's or an element's name: fit to stand in a path.
bool isPathSafe(std::string_view id);

/// What somebody else sent, fit for a terminal: its first line, without control characters, 300
/// bytes at most.
std::string oneLine(std::string_view text);

}  // namespace webpool::browsers
