// A program's side of a `webpool serve` that works for it: asks over HTTP, takes parts of an answer
// as they come, and gives back errors as the server's own program would have had them.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "wire/frame.h"

namespace webpool::remote {

struct ServerAddress {
  std::string url;    ///< "http://127.0.0.1:8080", without a slash at its end
  std::string token;  ///< empty: none is sent
};

/// InvalidArgument for what is no http(s) address, or has a path.
Result<ServerAddress> addressOf(std::string_view url, std::string token);

struct Call {
  std::string action;  ///< "run"
  boost::json::object header{};
  std::span<const Tensor> inputs{};
  std::chrono::milliseconds timeout{};
  std::stop_token stop{};
  /// For each frame with a "part"; on the calling thread.
  std::function<void(const wire::Frame&)> onPart{};
};

/// Thread-safe.
class Client {
 public:
  Client(ServerAddress address, std::shared_ptr<base::HttpClient> http)
      : address_(std::move(address)), http_(std::move(http)) {}

  /// Who answers there. Fetch: nobody; Unauthorized; InvalidArgument: no `webpool serve`;
  /// Unsupported: one of another version.
  Result<void> greet() const;

  /// Blocks; the last frame of the answer. WorkerLost where the server ends under it or is gone;
  /// else the server's error, Timeout, Cancelled, Protocol.
  Result<wire::Frame> call(const Call& call) const;

  const std::string& url() const { return address_.url; }

 private:
  Result<base::HttpResponse> ask(base::HttpRequest request, const std::stop_token& stop) const;

  ServerAddress address_;
  std::shared_ptr<base::HttpClient> http_;
};

}  // namespace webpool::remote
