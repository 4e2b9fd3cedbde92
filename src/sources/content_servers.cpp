#include "sources/content_servers.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "net/http_url.h"

namespace webpool::sources {
namespace {

namespace json = boost::json;

constexpr std::string_view kGatewayProtocol = "transport-ipfs-gateway-http";
constexpr std::uint64_t kMostAnswer = 1u << 20;

std::unexpected<Error> refused(std::string_view kind, const net::HttpUrl& url,
                               std::string_view hint) {
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("the {} {} is not encrypted", kind, url.origin()), std::string(hint));
}

/// Without '/' at the end.
Result<std::string> checkedAddress(std::string_view kind, std::string address, bool plainToo) {
  while (address.ends_with('/')) address.pop_back();
  const auto url = net::parseHttpUrl(address);
  if (!url) return std::unexpected(url.error());
  if (url->target.find('?') != std::string::npos) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the address of the {} {} has a query", kind, url->origin()),
                "give it without '?' and what follows");
  }
  if (address.contains('#')) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the address of the {} {} has a fragment", kind, url->origin()),
                "give it without '#' and what follows");
  }
  if (!url->tls && !plainToo && !url->isLoopback()) {
    return refused(kind, *url, "use its https:// address; http:// is for this machine only");
  }
  return address;
}

Result<void> checkAll(std::string_view kind, std::vector<std::string>& addresses, bool plainToo) {
  for (auto& address : addresses) {
    auto checked = checkedAddress(kind, address, plainToo);
    if (!checked) return std::unexpected(checked.error());
    address = std::move(*checked);
  }
  return {};
}

std::string_view nextPart(std::string_view& text) {
  const auto end = text.find('/');
  const auto part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

bool isOneOf(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::ranges::find(list, text) != list.end();
}

/// Once, and no more than `most` of a kind.
void addServer(RoutedServers& found, const std::string& origin, std::size_t most,
               RouterPlace place) {
  if (origin.empty()) return;
  const auto url = net::parseHttpUrl(origin);
  const bool isUsable =
      url && (url->tls || (place == RouterPlace::ThisMachine && url->isLoopback()));
  if (!isUsable) {
    const bool known = std::ranges::find(found.passedOver, origin) != found.passedOver.end();
    if (!known && found.passedOver.size() < most) found.passedOver.push_back(origin);
    return;
  }
  const bool known =
      std::ranges::find(found.servers, origin, &ContentServer::origin) != found.servers.end();
  if (!known && found.servers.size() < most) {
    found.servers.push_back({.name = origin, .origin = origin});
  }
}

bool isGatewayRecord(const json::object& record) {
  const auto* protocols = record.if_contains("Protocols");
  return protocols != nullptr && protocols->is_array() &&
         std::ranges::any_of(protocols->get_array(), [](const json::value& protocol) {
           return protocol.is_string() && protocol.get_string() == kGatewayProtocol;
         });
}

}  // namespace

Result<ContentSettings> checkedSettings(ContentSettings settings) {
  if (auto right = checkAll("gateway", settings.gateways, false); !right) {
    return std::unexpected(right.error());
  }
  if (auto right = checkAll("webpool node", settings.nodes, true); !right) {
    return std::unexpected(right.error());
  }
  if (auto right = checkAll("router", settings.routers, false); !right) {
    return std::unexpected(right.error());
  }
  if (settings.kubo == "off") settings.kubo.clear();
  if (settings.kubo.empty()) return settings;
  auto kubo = checkedAddress("Kubo", settings.kubo, true);
  if (!kubo) return std::unexpected(kubo.error());
  if (!net::parseHttpUrl(*kubo)->isLoopback()) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{} is not this machine", *kubo),
                "a Kubo of another machine is a gateway: --gateway https://HOST");
  }
  settings.kubo = std::move(*kubo);
  return settings;
}

std::vector<ContentServer> namedServers(const ContentSettings& settings) {
  std::vector<ContentServer> servers;
  const auto add = [&](const std::string& origin) {
    if (std::ranges::find(servers, origin, &ContentServer::origin) != servers.end()) return;
    servers.push_back({.name = origin, .origin = origin});
  };
  std::ranges::for_each(settings.nodes, add);
  std::ranges::for_each(settings.gateways, add);
  return servers;
}

std::vector<ContentServer> localServers(const std::string& origin, const std::string& name) {
  return {{.name = name, .origin = origin, .onlyIfCached = true},
          {.name = name + " (network)", .origin = origin, .rank = 1}};
}

LocalGateway probeLocalGateway(base::HttpClient& http, const std::string& origin,
                               const std::stop_token& stop) {
  const auto ask = [&](const char* path, const char* type) {
    return http.request({.url = origin + path,
                         .headers = {{"Accept", type}},
                         .timeout = std::chrono::seconds(2),
                         .maxBodyBytes = 1024},
                        stop);
  };
  const auto empty = ask("/ipfs/bafkqaaa", "application/vnd.ipld.raw");
  if (!empty || empty->status != 200 || !empty->body.empty()) return LocalGateway::None;
  // "Commit: …", "Client Version: kubo/0.43.0". Its gateway has no Server field.
  const auto version = ask("/version", "text/plain");
  const bool isKubo = version && version->status == 200 &&
                      ("\n" + version->body).contains("\nClient Version: kubo/");
  return isKubo ? LocalGateway::Kubo : LocalGateway::Other;
}

std::string originOfMultiaddr(std::string_view address) {
  if (!address.starts_with('/')) return {};
  address.remove_prefix(1);
  const auto kind = nextPart(address);
  const auto host = nextPart(address);
  if (!isOneOf(kind, {"ip4", "ip6", "dns", "dns4", "dns6"}) || nextPart(address) != "tcp") {
    return {};
  }
  const auto port = nextPart(address);
  auto scheme = nextPart(address);
  if (scheme == "tls") {
    const auto next = nextPart(address);
    // The name that its certificate is for may stand between them; here that is the host's.
    scheme = next == "http" ? "https" : std::string_view();
  }
  if (!isOneOf(scheme, {"http", "https"}) || !address.empty()) return {};
  const auto origin = kind == "ip6" ? fmt::format("{}://[{}]:{}", scheme, host, port)
                                    : fmt::format("{}://{}:{}", scheme, host, port);
  const auto url = net::parseHttpUrl(origin);
  return url && url->target == "/" ? url->origin() : std::string();
}

Result<RoutedServers> serversInAnswer(std::string_view text, RouterPlace place, std::size_t most) {
  RoutedServers found;
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  const auto* providers =
      !error && value.is_object() ? value.get_object().if_contains("Providers") : nullptr;
  if (providers == nullptr || !(providers->is_array() || providers->is_null())) {
    return fail(ErrorCategory::Fetch, "the answer is no list of providers");
  }
  if (providers->is_null()) return found;
  for (const auto& record : providers->get_array()) {
    if (!record.is_object() || !isGatewayRecord(record.get_object())) continue;
    const auto* addresses = record.get_object().if_contains("Addrs");
    if (addresses == nullptr || !addresses->is_array()) continue;
    for (const auto& address : addresses->get_array()) {
      if (!address.is_string()) continue;
      addServer(found, originOfMultiaddr(address.get_string()), most, place);
    }
  }
  return found;
}

Result<RoutedServers> askRouter(base::HttpClient& http, const std::string& router,
                                const cid::Cid& cid, std::stop_token stop) {
  const auto answer =
      http.request({.url = fmt::format("{}/routing/v1/providers/{}?filter-protocols={}", router,
                                       cid.normalized().text(), kGatewayProtocol),
                    .headers = {{"Accept", "application/json"}},
                    .timeout = std::chrono::seconds(10),
                    .maxBodyBytes = kMostAnswer,
                    .maxRedirects = 3},
                   std::move(stop));
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 404) return RoutedServers{};  // that is how some say that nobody has it
  if (answer->status != 200) {
    return fail(ErrorCategory::Fetch, fmt::format("HTTP {}", answer->status));
  }
  const auto url = net::parseHttpUrl(router);
  return serversInAnswer(
      answer->body, url && url->isLoopback() ? RouterPlace::ThisMachine : RouterPlace::Elsewhere);
}

}  // namespace webpool::sources
