#include "browsers/webdriver_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace webpool::browsers {
namespace {

namespace json = boost::json;

/// The key of every element reference, fixed by the standard.
constexpr const char* kElementKey = "element-6066-11e4-a52e-4f735466cecf";
constexpr std::size_t kMostText = 300;
constexpr std::size_t kMostId = 512;

struct Meaning {
  std::string_view code;
  ErrorCategory category;
  std::string_view hint;
};

constexpr std::array kMeanings{
    Meaning{"invalid session id", ErrorCategory::WorkerLost,
            "the browser was closed or its driver restarted; start again"},
    Meaning{"no such window", ErrorCategory::WorkerLost, "the window was closed; start again"},
    Meaning{"timeout", ErrorCategory::Timeout, "the page must be reachable from that machine"},
    Meaning{"script timeout", ErrorCategory::Timeout, ""},
    Meaning{"insecure certificate", ErrorCategory::Unsupported,
            "this browser takes no certificate that webpool made: give one that it trusts with "
            "--tls-cert"},
    Meaning{"no such element", ErrorCategory::NotFound, ""},
    Meaning{"stale element reference", ErrorCategory::NotFound, ""},
    Meaning{"invalid argument", ErrorCategory::InvalidArgument, ""},
    Meaning{"invalid selector", ErrorCategory::InvalidArgument, ""},
    Meaning{"unknown command", ErrorCategory::Unsupported,
            "give the address up to where /session begins, e.g. http://name:4444/wd/hub"},
    Meaning{"unknown method", ErrorCategory::Unsupported, ""},
    Meaning{"unsupported operation", ErrorCategory::Unsupported, ""},
};

bool containsAny(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(parts, [&](std::string_view part) { return text.contains(part); });
}

/// Why a driver opens no session is only in its words.
Error notCreated(std::string message, std::string_view said) {
  // Safari: switched off in its menu, and in newer versions in its settings.
  if (containsAny(said, {"Allow Remote Automation", "Allow remote automation"})) {
    return {ErrorCategory::BrowserFailed, std::move(message),
            "on that Mac run: safaridriver --enable; then tick 'Allow Remote Automation' in "
            "Safari's Develop menu or its Developer settings"};
  }
  // Safari, geckodriver and WebKitGTK have one session at a time.
  if (containsAny(said, {"already paired", "already started", "Maximum number of active sessions",
                         "maximum number of active sessions"})) {
    return {ErrorCategory::Busy, std::move(message),
            "end what uses that browser, or restart its driver"};
  }
  return {ErrorCategory::BrowserFailed, std::move(message),
          "the browser must be installed there and fit its driver; for Safari run there once: "
          "safaridriver --enable"};
}

Error meaningOf(std::string_view code, std::string_view said, std::string_view remote) {
  // chromedriver says its code again in its message.
  if (said.starts_with(code)) said.remove_prefix(code.size());
  while (said.starts_with(':') || said.starts_with(' ')) said.remove_prefix(1);
  auto message = said.empty() ? fmt::format("{}: {}", remote, oneLine(code))
                              : fmt::format("{}: {}: {}", remote, oneLine(code), oneLine(said));
  if (code == "session not created") return notCreated(std::move(message), said);
  for (const auto& meaning : kMeanings) {
    if (meaning.code == code) {
      return {meaning.category, std::move(message), std::string(meaning.hint)};
    }
  }
  return {ErrorCategory::BrowserFailed, std::move(message), ""};
}

std::unexpected<Error> noWebDriver(std::string_view remote, std::string_view why) {
  return fail(ErrorCategory::Protocol,
              fmt::format("{} does not answer as a WebDriver: {}", remote, why),
              "give the address of safaridriver, WebKitWebDriver, chromedriver, geckodriver or a "
              "Selenium Grid");
}

const json::string* text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_string();
}

std::string textOr(const json::object& object, std::string_view key) {
  const auto* found = text(object, key);
  return found == nullptr ? std::string() : oneLine(*found);
}

}  // namespace

std::string oneLine(std::string_view all) {
  constexpr unsigned char kC1Begins = 0xc2;  // U+0080 to U+009F: control characters, in two bytes
  constexpr unsigned char kC1Last = 0x9f;
  std::string line;
  for (const char c : all.substr(0, all.find_first_of("\r\n"))) {
    if (line.size() == kMostText) break;
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte <= kC1Last && !line.empty() &&
        static_cast<unsigned char>(line.back()) == kC1Begins) {
      line.back() = ' ';
    } else {
      line += byte < ' ' || byte == 0x7f ? ' ' : c;
    }
  }
  // Not in the middle of a letter of several bytes.
  constexpr unsigned char kContinues = 0x80;
  constexpr unsigned char kContinuesMask = 0xc0;
  constexpr unsigned char kBegins = 0xc0;
  if (line.size() == kMostText) {
    while (!line.empty() && (line.back() & kContinuesMask) == kContinues) line.pop_back();
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= kBegins) line.pop_back();
  }
  return line;
}

bool isPathSafe(std::string_view id) {
  return !id.empty() && id.size() <= kMostId && id != "." && id != ".." &&
         std::ranges::all_of(id, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("-_.:~").contains(c);
         });
}

std::string newSessionBody(const WebDriverWish& wish) {
  json::object always = wish.more;
  if (!wish.browserName.empty()) always["browserName"] = wish.browserName;
  if (wish.acceptInsecureCerts) always["acceptInsecureCerts"] = true;
  return json::serialize(
      json::object{{"capabilities", json::object{{"alwaysMatch", std::move(always)}}}});
}

std::string scriptBody(std::string_view script) {
  return json::serialize(json::object{{"script", script}, {"args", json::array()}});
}

std::string findByCssBody(std::string_view selector) {
  return json::serialize(json::object{{"using", "css selector"}, {"value", selector}});
}

std::string navigateBody(std::string_view url) {
  return json::serialize(json::object{{"url", url}});
}

Result<json::value> readAnswer(int status, std::string_view body, std::string_view remote) {
  boost::system::error_code error;
  auto answer = json::parse(body, error);
  const auto* object = error ? nullptr : answer.if_object();
  auto* value = object == nullptr ? nullptr : answer.as_object().if_contains("value");
  if (value == nullptr) {
    return noWebDriver(remote, fmt::format("HTTP {}, and no JSON with a value", status));
  }
  constexpr int kOk = 200;
  const auto* inside = value->if_object();
  const auto* code = inside == nullptr ? nullptr : text(*inside, "error");
  // A script may return an object with an "error" of its own: the status tells them apart.
  if (status == kOk) return std::move(*value);
  if (code == nullptr) return noWebDriver(remote, fmt::format("HTTP {} without an error", status));
  const auto* said = text(*inside, "message");
  return std::unexpected(
      meaningOf(*code, said == nullptr ? std::string_view() : std::string_view(*said), remote));
}

Result<WebDriverBrowser> readNewSession(const json::value& value, std::string_view remote) {
  const auto* object = value.if_object();
  const auto* id = object == nullptr ? nullptr : text(*object, "sessionId");
  if (id == nullptr || !isPathSafe(*id)) return noWebDriver(remote, "its session has no name");
  WebDriverBrowser browser{.session = std::string(*id)};
  const auto* given = object->if_contains("capabilities");
  const auto* capabilities = given == nullptr ? nullptr : given->if_object();
  if (capabilities == nullptr) return noWebDriver(remote, "its session has no capabilities");
  browser.name = textOr(*capabilities, "browserName");
  browser.version = textOr(*capabilities, "browserVersion");
  browser.platform = textOr(*capabilities, "platformName");
  const auto* accepts = capabilities->if_contains("acceptInsecureCerts");
  browser.refusesInsecureCerts = accepts != nullptr && *accepts == false;
  return browser;
}

Result<std::string> readElement(const json::value& value, std::string_view remote) {
  const auto* object = value.if_object();
  const auto* id = object == nullptr ? nullptr : text(*object, kElementKey);
  if (id == nullptr || !isPathSafe(*id)) return noWebDriver(remote, "its element has no name");
  return std::string(*id);
}

}  // namespace webpool::browsers
