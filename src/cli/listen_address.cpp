#include "cli/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <utility>

#include "net/http_types.h"
#include "net/machine_addresses.h"

namespace webpool::cli {
namespace {

std::optional<std::uint16_t> portOf(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return port;
}

constexpr const char* kLoopback = "127.0.0.1";

bool isLocalName(std::string_view host) {
  return net::equalIgnoringCase(host, "localhost");
}

bool isEverywhere(std::string_view host) {
  return host == "0.0.0.0" || host == "::";
}

}  // namespace

Result<ListenAddress> parseListenAddress(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("'{}' is no address to listen on", text),
                "give PORT, ADDRESS or ADDRESS:PORT, for example 127.0.0.1:8080 or [::1]:8080");
  };
  ListenAddress address;
  if (const auto port = portOf(text)) {
    address.port = port;
    return address;
  }
  auto host = text;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return wrong();
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else if (const auto colon = text.find(':');
             colon != std::string_view::npos && text.rfind(':') == colon) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (!rest.empty()) {
    address.port = rest.starts_with(':') ? portOf(rest.substr(1)) : std::nullopt;
    if (!address.port) return wrong();
  }
  if (host.empty()) return wrong();
  address.host = isLocalName(host) ? kLoopback : std::string(host);
  return address;
}

std::optional<std::string> listenHost(std::string_view text) {
  if (isLocalName(text)) return kLoopback;
  // What follows a '%' names the interface of a link-local address.
  const std::string number(text.substr(0, text.find('%')));
  in6_addr bytes{};
  const bool isV4 = number.size() == text.size() && inet_pton(AF_INET, number.c_str(), &bytes) == 1;
  if (isV4 || inet_pton(AF_INET6, number.c_str(), &bytes) == 1) return std::string(text);
  return std::nullopt;
}

void takeListenHost(CLI::Option& option) {
  option.transform(CLI::Validator(
      [](std::string& text) -> std::string {
        if (text.empty()) return {};  // as if it were not said
        auto host = listenHost(text);
        if (!host) return "'" + text + "' is no IP address: write 127.0.0.1, or 0.0.0.0 for all";
        text = std::move(*host);
        return {};
      },
      "ADDRESS"));
}

bool isLoopback(std::string_view host) {
  return host == "::1" || host.starts_with("127.");
}

std::vector<std::string> reachedAddresses(const std::string& host) {
  if (!isEverywhere(host)) return {host};
  std::vector<std::string> reached;
  for (auto& address : net::machineAddresses()) {
    const bool v6 = address.find(':') != std::string::npos;
    if (!v6 || host == "::") reached.push_back(std::move(address));
  }
  return reached;
}

std::vector<std::string> hostNames(const std::string& host, std::vector<std::string> names) {
  if (isLoopback(host)) return names;
  for (auto& address : reachedAddresses(host)) names.push_back(net::hostInUrl(std::move(address)));
  for (auto& name : net::machineNames()) names.push_back(std::move(name));
  return names;
}

}  // namespace webpool::cli
