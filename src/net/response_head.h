// The status line and header fields of a response as bytes, with the fields every response of the
// server carries.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_types.h"

namespace webpool::net {

/// What the page may do; `ownHost` is the checked Host header, whose WebSocket it may open (empty
/// when the request's was refused).
/// Everything comes from our own origin; WebAssembly may be compiled, JavaScript text may not be.
/// `ownFrames`: pages of ours may show pages of ours in frames; else nothing may.
std::string contentSecurityPolicy(std::string_view ownHost, bool ownFrames = false);

struct HeadContext {
  std::string_view ownHost;
  bool keepAlive = true;
  bool chunked = true;  ///< how a StreamBody is sent: in chunks, or (HTTP/1.0) until the close
};

/// Ends with the empty line. Fields that the handler set win over the defaults (set one to "" to
/// leave it out); Content-Length, Connection and Transfer-Encoding are the server's. A field that
/// no header may hold (control characters, bad names) makes it a 500 without those fields;
/// `response` is changed then.
std::string responseHead(Response& response, const HeadContext& context);

/// Bytes of the body; 0 for a StreamBody, whose length nobody knows.
std::uint64_t bodySize(const Response& response) noexcept;

/// False for 1xx, 204 and 304, which have no body whatever the handler gave.
bool mayHaveBody(int status) noexcept;

}  // namespace webpool::net
