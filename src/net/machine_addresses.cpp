#include "net/machine_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <string_view>
#include <tuple>

namespace webpool::net {
namespace {

struct Found {
  bool bridge;
  bool v6;
  std::size_t order;  ///< as the system lists them
  std::string text;
  auto key() const { return std::tuple(bridge, v6, order); }
};

bool isBridge(std::string_view interface) {
  return interface.starts_with("docker") || interface.starts_with("br-") ||
         interface.starts_with("virbr") || interface.starts_with("veth");
}

/// Empty for one that others can't use.
std::string usable(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    constexpr std::uint32_t kLinkLocal = 0xA9FE0000;
    if ((ntohl(v4.sin_addr.s_addr) & 0xFFFF0000) == kLinkLocal) return {};
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) || IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) return {};
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace

std::vector<std::string> machineAddresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  std::vector<Found> found;
  for (const auto* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0 ||
        (at->ifa_flags & IFF_LOOPBACK) != 0) {
      continue;
    }
    if (auto text = usable(*at->ifa_addr); !text.empty()) {
      found.push_back(
          {isBridge(at->ifa_name), at->ifa_addr->sa_family == AF_INET6, found.size(), text});
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.key() < b.key(); });
  std::vector<std::string> addresses;
  for (auto& one : found) addresses.push_back(std::move(one.text));
  return addresses;
}

std::vector<std::string> machineNames() {
  std::array<char, 256> buffer{};
  if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return {};
  std::string name = buffer.data();
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool sound = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.';
  });
  if (!sound || name == "localhost") return {};
  if (name.find('.') != std::string::npos) return {name};
  return {name, name + ".local"};
}

std::string hostInUrl(std::string host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace webpool::net
