// The parts of an address that an HTTP client needs. Strict: what is not plainly an http(s) URL is
// an error, so that nothing that a person typed ends up in a request line by surprise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "webpool/error.h"

namespace webpool::net {

struct HttpUrl {
  bool tls = false;
  std::string host;  ///< lower case; an IPv6 address without brackets
  std::uint16_t port = 0;
  std::string target;  ///< path and query, at least "/"

  /// "https://[::1]:8443": for messages, as paths and queries may hold secrets.
  std::string origin() const;
  /// As the Host field has it: without the scheme's own port.
  std::string hostField() const;
  /// The host is this machine by its name or address: what is sent stays on it.
  bool isLoopback() const;
};

/// InvalidArgument, with the cause and never the text itself where that has a password.
Result<HttpUrl> parseHttpUrl(std::string_view text);

/// Where a Location field leads from `base`. Fetch for none, and for one from https to http unless
/// that is this machine itself.
Result<std::string> redirectTarget(const HttpUrl& base, std::string_view location);

}  // namespace webpool::net
