// How webpool asks other programs over HTTP. An interface, so that the folders which ask (browsers,
// store) know nothing of sockets and TLS, and their tests need none; net has the real one.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
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

struct HttpRequest {
  std::string method = "GET";
  /// http:// or https://, without user and password; what follows '#' is not sent.
  std::string url;
  HttpHeaders headers = {};  ///< Host, Content-Length and Connection are set by the client
  std::string body = {};
  Duration timeout = std::chrono::seconds(30);  ///< for the whole call
  std::uint64_t maxBodyBytes = 16u << 20;       ///< of the answer
  /// How much longer a call that has begun may take after a stop: for a request whose answer is
  /// needed to undo it.
  Duration graceAfterStop = {};
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers = {};
  std::string body = {};
};

/// Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  /// Blocks: call it on a worker thread. Any status that the server gave is an answer; redirects
  /// are not followed. InvalidArgument for a URL, method or header that is none; Fetch when the
  /// server can't be reached, is not trusted, hangs up in the middle, sends no HTTP or more than
  /// maxBodyBytes; Timeout; Cancelled when `stop` was requested. A name look-up can't be broken
  /// off: when the resolver hangs, the call lasts as long as it does.
  virtual Result<HttpResponse> request(const HttpRequest& request, std::stop_token stop) = 0;
};

}  // namespace webpool::base
