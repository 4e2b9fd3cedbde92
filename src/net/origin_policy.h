// Who may talk to the server. A page of any site can make a browser send requests to 127.0.0.1, and
// with DNS rebinding under a name of its own; so the Host must be one of ours, and a request that a
// browser made for a page must have been made for a page of ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_types.h"

namespace webpool::net {

/// Pure; thread-safe.
class OriginPolicy {
 public:
  /// `address` is the one bound, without brackets; `extraHosts` as ServerOptions::allowedHosts.
  /// `tls`: the server's pages came by https.
  OriginPolicy(std::string address, std::uint16_t port, std::vector<std::string> extraHosts,
               bool tls = false);

  struct Refusal {
    int status;
    std::string reason;
  };

  /// Nothing when the request may be served. `isUpgrade`: a WebSocket, which is not held by CORS,
  /// so that it must name its origin. `anyOrigin`: what is asked is for pages of every origin; the
  /// Host must be ours all the same.
  std::optional<Refusal> check(const Headers& headers, bool isUpgrade,
                               bool anyOrigin = false) const;

 private:
  bool isOwnHost(std::string_view host) const;
  bool isExtraHost(std::string_view host) const;

  std::vector<std::string> ownHosts_;  // "name:port"
  std::vector<std::string> extraHosts_;
  bool tls_;
};

}  // namespace webpool::net
