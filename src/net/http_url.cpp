#include "net/http_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <utility>

#include "net/http_types.h"
#include "net/machine_addresses.h"

namespace webpool::net {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::size_t kMostBytes = 8192;
constexpr std::size_t kMostHost = 255;

std::unexpected<Error> wrong(std::string_view text, std::string_view why) {
  text = text.substr(text.rfind('@') + 1);  // before it may be a password
  return fail(ErrorCategory::InvalidArgument, fmt::format("'{}' is no web address: {}", text, why),
              "write it like http://name:4444 or https://name/path");
}

bool isHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool isIpv6(std::string_view host) {
  boost::system::error_code error;
  boost::asio::ip::make_address_v6(host, error);
  return !error;
}

}  // namespace

std::string HttpUrl::origin() const {
  return fmt::format("{}://{}", tls ? "https" : "http", hostField());
}

std::string HttpUrl::hostField() const {
  const auto name = hostInUrl(host);
  return port == (tls ? kHttpsPort : kHttpPort) ? name : fmt::format("{}:{}", name, port);
}

bool HttpUrl::isLoopback() const {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return error ? host == "localhost" : address.is_loopback();
}

Result<HttpUrl> parseHttpUrl(std::string_view text) {
  if (text.size() > kMostBytes) return wrong(text.substr(0, 64), "it is too long");
  // Before anything is shown: control characters would reach the terminal.
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; })) {
    return wrong("…", "it holds a space, a control character or a letter beyond ASCII");
  }
  HttpUrl url;
  const auto colon = text.find("://");
  const auto scheme = text.substr(0, std::min(colon, text.size()));
  url.tls = equalIgnoringCase(scheme, "https");
  if (colon == std::string_view::npos || (!url.tls && !equalIgnoringCase(scheme, "http"))) {
    return wrong(text, "it does not begin with http:// or https://");
  }
  auto rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = rest.substr(0, end);
  url.target = rest.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  if (authority.contains('@')) return wrong(text, "a user or password in it is not supported");

  std::string_view portText;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return wrong(text, "a ] is missing");
    url.host = authority.substr(1, close - 1);
    portText = authority.substr(close + 1);
    if (!isIpv6(url.host)) return wrong(text, "there is no IPv6 address in the brackets");
    if (!portText.empty() && !portText.starts_with(':')) return wrong(text, "bad port");
  } else {
    const auto split = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, split);
    portText = authority.substr(split);
    std::ranges::transform(url.host, url.host.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (url.host.empty() || url.host.size() > kMostHost ||
        !std::ranges::all_of(url.host, isHostCharacter)) {
      return wrong(text, "it has no name or address of a machine");
    }
  }
  url.port = url.tls ? kHttpsPort : kHttpPort;
  if (portText.size() > 1) {
    portText.remove_prefix(1);
    const auto [last, error] =
        std::from_chars(portText.data(), portText.data() + portText.size(), url.port);
    if (error != std::errc() || last != portText.data() + portText.size() || url.port == 0) {
      return wrong(text, "its port is no number from 1 to 65535");
    }
  }
  return url;
}

Result<std::string> redirectTarget(const HttpUrl& base, std::string_view location) {
  std::string absolute(location);
  if (location.starts_with("//")) {
    absolute = (base.tls ? "https:" : "http:") + absolute;
  } else if (location.starts_with('/')) {
    absolute = base.origin() + absolute;
  } else if (!location.contains("://")) {
    const auto path = base.target.substr(0, base.target.find('?'));
    absolute = base.origin() + path.substr(0, path.rfind('/') + 1) + absolute;
  }
  const auto target = parseHttpUrl(absolute);
  if (!target || location.empty()) {
    return fail(ErrorCategory::Fetch,
                fmt::format("{} redirects to what is no web address", base.origin()));
  }
  if (base.tls && !target->tls && !target->isLoopback()) {
    return fail(ErrorCategory::Fetch, fmt::format("{} redirects to {}, which is not encrypted",
                                                  base.origin(), target->origin()));
  }
  return absolute;
}

}  // namespace webpool::net
