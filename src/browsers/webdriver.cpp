#include "browsers/webdriver.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace webpool::browsers {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

constexpr seconds kOpenLimit{60};  ///< Safari may have to start; a Grid may queue
constexpr seconds kOpenGrace{10};
constexpr seconds kLoadLimit{60};
constexpr seconds kCallLimit{30};
constexpr seconds kEndLimit{10};
constexpr std::uint64_t kMostBytes = 4u << 20;

std::string withoutSlash(std::string_view remote) {
  while (remote.ends_with('/')) remote.remove_suffix(1);
  return std::string(remote);
}

struct Call {
  std::string method;
  std::string path;
  std::string body = {};
  base::Duration timeout = kCallLimit;
  base::Duration graceAfterStop = {};
};

Result<json::value> ask(base::HttpClient& http, const std::string& remote, Call call,
                        const std::stop_token& stop) {
  base::HttpRequest request{.method = std::move(call.method),
                            .url = remote + call.path,
                            .headers = {{"Accept", "application/json"}},
                            .body = std::move(call.body),
                            .timeout = call.timeout,
                            .maxBodyBytes = kMostBytes,
                            .graceAfterStop = call.graceAfterStop};
  // A Selenium Grid takes nothing else, not even without the character set.
  if (!request.body.empty()) {
    request.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  }
  const auto answer = http.request(request, stop);
  if (!answer) return std::unexpected(answer.error());
  return readAnswer(answer->status, answer->body, remote);
}

Result<void> withoutValue(Result<json::value> value) {
  if (!value) return std::unexpected(std::move(value.error()));
  return {};
}

}  // namespace

Result<std::unique_ptr<WebDriverSession>> WebDriverSession::open(base::HttpClient& http,
                                                                 std::string_view remote,
                                                                 const WebDriverWish& wish,
                                                                 const std::stop_token& stop) {
  const auto address = withoutSlash(remote);
  const auto value = ask(http, address,
                         {.method = "POST",
                          .path = "/session",
                          .body = newSessionBody(wish),
                          .timeout = kOpenLimit,
                          .graceAfterStop = kOpenGrace},
                         stop);
  if (!value) {
    auto error = value.error();
    if (error.category == ErrorCategory::Timeout || error.category == ErrorCategory::Cancelled) {
      error.hint = "it may still open a session, whose name webpool never learnt: look there";
    }
    return std::unexpected(std::move(error));
  }
  auto browser = readNewSession(*value, address);
  if (!browser) return std::unexpected(browser.error());
  std::unique_ptr<WebDriverSession> session(
      new WebDriverSession(http, address, std::move(*browser)));
  if (stop.stop_requested()) {
    return fail(ErrorCategory::Cancelled, "asking " + address + " was given up");
  }
  if (wish.acceptInsecureCerts && session->browser().refusesInsecureCerts) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("{}: the browser takes no certificate that webpool made", address),
                "take a newer one (Safari 15.4 or newer), or give a certificate that it trusts "
                "with --tls-cert");
  }
  return session;
}

WebDriverSession::~WebDriverSession() {
  (void)end();
}

Result<json::value> WebDriverSession::post(std::string_view path, std::string body,
                                           base::Duration timeout, const std::stop_token& stop) {
  if (ended_) return fail(ErrorCategory::WorkerLost, "the session was ended");
  return ask(http_, remote_,
             {.method = "POST",
              .path = fmt::format("/session/{}/{}", browser_.session, path),
              .body = std::move(body),
              .timeout = timeout},
             stop);
}

Result<void> WebDriverSession::navigate(std::string_view url, const std::stop_token& stop) {
  return withoutValue(post("url", navigateBody(url), kLoadLimit, stop));
}

Result<std::string> WebDriverSession::find(std::string_view cssSelector,
                                           const std::stop_token& stop) {
  const auto value = post("element", findByCssBody(cssSelector), kCallLimit, stop);
  if (!value) return std::unexpected(value.error());
  return readElement(*value, remote_);
}

Result<void> WebDriverSession::click(std::string_view element, const std::stop_token& stop) {
  return withoutValue(post(fmt::format("element/{}/click", element), "{}", kCallLimit, stop));
}

Result<json::value> WebDriverSession::execute(std::string_view script,
                                              const std::stop_token& stop) {
  return post("execute/sync", scriptBody(script), kCallLimit, stop);
}

Result<void> WebDriverSession::end() {
  if (std::exchange(ended_, true)) return {};
  return endWebDriverSession(http_, remote_, browser_.session, {});
}

Result<void> endWebDriverSession(base::HttpClient& http, std::string_view remote,
                                 std::string_view session, const std::stop_token& stop) {
  if (!isPathSafe(session)) {
    return fail(ErrorCategory::InvalidArgument, "that is no name of a session");
  }
  auto done = withoutValue(
      ask(http, withoutSlash(remote),
          {.method = "DELETE", .path = fmt::format("/session/{}", session), .timeout = kEndLimit},
          stop));
  if (!done && done.error().category == ErrorCategory::WorkerLost) return {};
  return done;
}

}  // namespace webpool::browsers
