// A remote end of WebDriver for tests: it says what a driver says on the wire, with no browser
// behind it. Its refusals are safaridriver's own words.
#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/http_client.h"

namespace webpool::browsers::testing {

/// Thread-safe. One session at a time, as safaridriver and geckodriver have it.
class FakeRemoteEnd {
 public:
  struct Answer {
    int status = 200;
    std::string body;
  };

  /// "Allow Remote Automation" of Safari's Develop menu.
  void allowRemoteAutomation(bool allowed) {
    const std::lock_guard lock(mutex_);
    allowed_ = allowed;
  }
  void acceptInsecureCerts(bool accept) {
    const std::lock_guard lock(mutex_);
    acceptsInsecure_ = accept;
  }
  /// For pageReturns(): the driver answers that script with an error.
  static boost::json::value scriptFails(const std::string& error, const std::string& message) {
    return {{"script fails", errorBody(error, message)}};
  }
  /// What the page returns to scripts, in turn; the last one again and again.
  void pageReturns(std::deque<boost::json::value> values) {
    const std::lock_guard lock(mutex_);
    page_ = std::move(values);
  }
  /// The same from the next click on.
  void pageReturnsAfterClick(std::deque<boost::json::value> values) {
    const std::lock_guard lock(mutex_);
    afterClick_ = std::move(values);
  }
  /// The next call whose path ends so is answered with this error.
  void failNext(std::string pathEnd, int status, std::string error, std::string message) {
    const std::lock_guard lock(mutex_);
    failingEnd_ = std::move(pathEnd);
    failure_ = {status, errorBody(error, message)};
  }
  /// A person closes the browser's window.
  void closeBrowser() {
    const std::lock_guard lock(mutex_);
    session_.clear();
  }

  /// "POST /session {…}" in the order in which they came.
  std::vector<std::string> said() const {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  std::string session() const {
    const std::lock_guard lock(mutex_);
    return session_;
  }
  /// Blocks until the n-th call of that kind ("POST /session/1/url") has been answered.
  void waitForCall(const std::string& prefix, std::size_t times = 1) {
    std::unique_lock lock(mutex_);
    called_.wait(lock, [&] {
      std::size_t found = 0;
      for (const auto& call : said_) found += call.starts_with(prefix) ? 1 : 0;
      return found >= times;
    });
  }

  Answer answer(const std::string& method, const std::string& path, const std::string& body) {
    const std::lock_guard lock(mutex_);
    said_.push_back(method + " " + path + (body.empty() ? "" : " " + body));
    called_.notify_all();
    if (!failingEnd_.empty() && path.ends_with(failingEnd_)) {
      failingEnd_.clear();
      return failure_;
    }
    return answerLocked(method, path, body);
  }

 private:
  static std::string errorBody(const std::string& error, const std::string& message) {
    return boost::json::serialize(boost::json::object{
        {"value",
         boost::json::object{{"error", error}, {"message", message}, {"stacktrace", ""}}}});
  }
  static Answer error(int status, const std::string& code, const std::string& message) {
    return {status, errorBody(code, message)};
  }
  static Answer value(const boost::json::value& value) {
    return {200, boost::json::serialize(boost::json::object{{"value", value}})};
  }

  Answer answerLocked(const std::string& method, const std::string& path, const std::string& body) {
    if (method == "POST" && path == "/session") return open(body);
    const auto prefix = "/session/" + session_;
    if (session_.empty() || !path.starts_with(prefix)) {
      return error(404, "invalid session id", "");
    }
    const auto rest = path.substr(prefix.size());
    if (method == "DELETE" && rest.empty()) {
      session_.clear();
      return value(nullptr);
    }
    if (rest == "/url") return value(nullptr);
    if (rest == "/element") {
      return value(boost::json::object{{"element-6066-11e4-a52e-4f735466cecf", "node-1"}});
    }
    if (rest == "/element/node-1/click") {
      if (!afterClick_.empty()) page_ = std::move(afterClick_);
      return value(nullptr);
    }
    if (rest == "/execute/sync") {
      if (page_.empty()) return value(nullptr);
      auto returned = page_.front();
      if (page_.size() > 1) page_.pop_front();
      const auto* object = returned.if_object();
      const auto* fails = object == nullptr ? nullptr : object->if_contains("script fails");
      if (fails != nullptr) return {500, std::string(fails->as_string())};
      return value(returned);
    }
    return error(404, "unknown command", path);
  }

  Answer open(const std::string& body) {
    const std::string refused = "Could not create a session: ";
    if (!allowed_) {
      return error(500, "session not created",
                   refused +
                       "You must enable the 'Allow Remote Automation' option in Safari's "
                       "Develop menu to control Safari via WebDriver.");
    }
    if (!session_.empty()) {
      return error(
          500, "session not created",
          refused + "The Safari instance is already paired with another WebDriver session.");
    }
    const auto wish = boost::json::parse(body).at("capabilities").at("alwaysMatch").as_object();
    session_ = std::to_string(++sessions_);
    return value(boost::json::object{
        {"sessionId", session_},
        {"capabilities",
         boost::json::object{
             {"browserName", "Safari"},
             {"browserVersion", "18.0"},
             {"platformName", "macOS"},
             {"acceptInsecureCerts", acceptsInsecure_ && wish.contains("acceptInsecureCerts")}}}});
  }

  mutable std::mutex mutex_;
  std::condition_variable called_;
  bool allowed_ = true;
  bool acceptsInsecure_ = true;
  unsigned sessions_ = 0;
  std::string session_;
  std::deque<boost::json::value> page_;
  std::deque<boost::json::value> afterClick_;
  std::string failingEnd_;
  Answer failure_;
  std::vector<std::string> said_;
};

/// Reaches the fake without a socket. Nothing answers at any address that does not begin with its
/// own.
class FakeRemoteClient final : public base::HttpClient {
 public:
  FakeRemoteClient(FakeRemoteEnd& end, std::string address)
      : end_(end), address_(std::move(address)) {}

  Result<base::HttpResponse> request(const base::HttpRequest& request,
                                     std::stop_token stop) override {
    if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "given up");
    if (!request.url.starts_with(address_)) {
      return fail(ErrorCategory::Fetch, "can't reach " + request.url);
    }
    auto answer = end_.answer(request.method, request.url.substr(address_.size()), request.body);
    return base::HttpResponse{.status = answer.status, .body = std::move(answer.body)};
  }

 private:
  FakeRemoteEnd& end_;
  std::string address_;
};

}  // namespace webpool::browsers::testing
