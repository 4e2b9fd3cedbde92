// How webpool asks other programs over HTTP. An interface, so that the folders which ask (browsers,
// store) know nothing of sockets and TLS, and their tests need none; net has the real one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "webpool/error.h"

namespace webpool::base {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// The first value of that name (its case does not matter), or an empty view.
inline std::string_view headerOf(const HttpHeaders& headers, std::string_view name) noexcept {
  constexpr auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  for (const auto& [key, value] : headers) {
    if (std::ranges::equal(key, name, {}, lower, lower)) return value;
  }
  return {};
}

struct HttpResponse {
  int status = 0;
  HttpHeaders headers = {};
  std::string body = {};
  /// That answered, after redirects.
  std::string url = {};
  /// What the last connection took, TLS included; zero where there was one already.
  Duration connectTook = {};
};

struct HttpRequest {
  std::string method = "GET";
  /// http:// or https://, without user and password; what follows '#' is not sent.
  std::string url;
  HttpHeaders headers = {};  ///< Host, Content-Length and Connection are set by the client
  std::string body = {};
  Duration timeout = std::chrono::seconds(30);  ///< for the whole call
  /// Zero: no limit of its own. Else the call fails with Timeout where that long nothing comes.
  Duration stallTimeout = {};
  std::uint64_t maxBodyBytes = 16u << 20;  ///< of the answer
  /// What an answer with status 200 or 206 is that has more, or says so; others are Fetch.
  ErrorCategory tooManyBytes = ErrorCategory::Fetch;
  /// Redirects (301, 302, 303, 307, 308 of GET and HEAD) that are followed; with 0 they are answers
  /// like any other. The header Authorization does not go along to another origin, and https is not
  /// left for http, but to this machine itself.
  unsigned maxRedirects = 0;
  /// Takes the body of an answer with status 200 or 206 as it comes, on the calling thread, instead
  /// of HttpResponse::body: for what is larger than memory. `head` has no body. An error ends the
  /// call with it.
  std::function<Result<void>(const HttpResponse& head, std::string_view piece)> onBody = {};
  /// The connection may be one that an earlier such request left, and is left for the next: for GET
  /// and HEAD only, since a request that finds it closed is sent once more.
  bool keepAlive = false;
  /// How much longer a call that has begun may take after a stop: for a request whose answer is
  /// needed to undo it.
  Duration graceAfterStop = {};
};

/// Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  /// Blocks: call it on a worker thread. Any status that the server gave is an answer.
  /// InvalidArgument for a URL, method or header that is none; Fetch when the server can't be
  /// reached, is not trusted, hangs up in the middle, sends no HTTP or more than maxBodyBytes, or
  /// redirects without end or to where it must not; Timeout; Cancelled when `stop` was requested. A
  /// name look-up can't be broken off: when the resolver hangs, the call lasts as long as it does.
  virtual Result<HttpResponse> request(const HttpRequest& request, std::stop_token stop) = 0;
};

}  // namespace webpool::base
