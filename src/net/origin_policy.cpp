#include "net/origin_policy.h"

#include <algorithm>

namespace webpool::net {
namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

/// "name" of "name:port" and of "[::1]:port".
std::string_view withoutPort(std::string_view host) {
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos) {
    return host;
  }
  return host.substr(0, colon);
}

bool contains(const std::vector<std::string>& hosts, std::string_view host) {
  return std::ranges::any_of(hosts, [&](const auto& own) { return equalIgnoringCase(own, host); });
}

}  // namespace

OriginPolicy::OriginPolicy(std::string address, std::uint16_t port,
                           std::vector<std::string> extraHosts, bool tls)
    : extraHosts_(std::move(extraHosts)), tls_(tls) {
  const std::uint16_t usual = tls ? 443 : 80;
  const auto number = std::to_string(port);
  std::vector<std::string> names{"127.0.0.1", "localhost", "[::1]"};
  if (address.find(':') != std::string::npos) address = "[" + address + "]";
  if (address != "0.0.0.0" && address != "[::]") names.push_back(std::move(address));
  for (const auto& name : names) {
    ownHosts_.push_back(name + ":" + number);
    if (port == usual) ownHosts_.push_back(name);
  }
}

bool OriginPolicy::isOwnHost(std::string_view host) const {
  return contains(ownHosts_, host);
}

bool OriginPolicy::isExtraHost(std::string_view host) const {
  return contains(extraHosts_, host) || contains(extraHosts_, withoutPort(host));
}

std::optional<OriginPolicy::Refusal> OriginPolicy::check(const Headers& headers, bool isUpgrade,
                                                         bool anyOrigin) const {
  if (headers.count("Host") != 1) return Refusal{400, "exactly one Host header is needed"};
  const auto host = headers.get("Host");
  const bool extra = !isOwnHost(host) && isExtraHost(host);
  if (!extra && !isOwnHost(host)) {
    return Refusal{421, "Host '" + std::string(host) +
                            "' is not served here (another name must be allowed when the server "
                            "is started)"};
  }

  if (anyOrigin && !isUpgrade) return std::nullopt;
  if (headers.count("Origin") > 1) return Refusal{400, "more than one Origin header"};
  if (headers.has("Origin")) {
    const auto origin = headers.get("Origin");
    const auto same = [&](std::string_view scheme) {
      return origin.starts_with(scheme) && equalIgnoringCase(origin.substr(scheme.size()), host);
    };
    // A configured name may stand behind a proxy that speaks TLS.
    if (!same(tls_ ? kHttps : kHttp) && !(extra && same(kHttps))) {
      return Refusal{403, "pages of origin '" + std::string(origin) + "' may not use this server"};
    }
  } else if (isUpgrade) {
    return Refusal{403, "a WebSocket needs an Origin header, and it must be this server's"};
  }

  // Sent by browsers also where Origin is not (pictures, scripts, links).
  const auto site = headers.get("Sec-Fetch-Site");
  if (site == "cross-site" || site == "same-site") {
    return Refusal{403, "requests made by pages of another origin are refused"};
  }
  return std::nullopt;
}

}  // namespace webpool::net
