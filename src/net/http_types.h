// HTTP as plain values, so that handlers (src/api) know nothing of Beast and are tested without a
// socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "net/body_stream.h"
#include "net/file_region.h"

namespace webpool::net {

/// ASCII only, as HTTP names and hosts are.
bool equalIgnoringCase(std::string_view a, std::string_view b) noexcept;

/// Header fields in order; look-up ignores case.
class Headers {
 public:
  /// Replaces every field of that name.
  void set(std::string_view name, std::string value);
  /// Keeps fields of the same name.
  void add(std::string_view name, std::string value);
  /// The first value of that name, or an empty view.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method;  ///< upper case
  std::string path;    ///< percent-encoded as received, without the query
  std::string query;   ///< without '?'
  Headers headers;
  std::string body;
  std::string peer;  ///< "address:port" of the other end
  /// Requested (on the loop thread) when the client closes its connection before the answer: nobody
  /// waits for it any more. One that closes its sending half only still does (over TLS, and with
  /// HTTP/1.0, it counts as gone). Not noticed once the client has sent a further request behind
  /// this one.
  std::stop_token closed{};
};

/// Bytes that live as long as the program (the embedded page).
using StaticBody = std::span<const std::byte>;

struct Response {
  int status = 200;
  Headers headers;
  std::variant<std::string, StaticBody, FileRegion, StreamBody> body;
  /// For HEAD: the server sends Content-Length of the body and no body.
};

/// A short plain text with a newline at its end: errors, mostly.
Response textResponse(int status, std::string_view text);

/// Answers one request, now or later, exactly once; runs on the event-loop thread and must not
/// block. `respond` may be called from the event-loop thread only; it may outlive the server and
/// then does nothing (fromAnyThread() makes one that any thread may call). Letting go of every copy
/// of it without a call answers 500.
using Handler = std::function<void(Request request, std::function<void(Response)> respond)>;

}  // namespace webpool::net
