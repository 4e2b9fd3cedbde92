#include "api/gateway/routing.h"

#include <algorithm>
#include <optional>

#include <boost/json.hpp>

#include "api/gateway/accept.h"
#include "api/gateway/ask.h"
#include "api/gateway/gateway.h"
#include "api/percent.h"
#include "cid/multibase.h"

namespace webpool::api::gateway {
namespace {

namespace json = boost::json;

constexpr std::string_view kProviders = "/routing/v1/providers/";
constexpr std::string_view kPeers = "/routing/v1/peers/";
constexpr char kProtocol[] = "transport-ipfs-gateway-http";

std::vector<std::string> listOf(const net::Request& request, std::string_view name) {
  std::vector<std::string> items;
  const auto value = queryValue(request.query, name).value_or("");
  for (std::string_view rest = value; !rest.empty();) {
    const auto item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

/// Whether a multiaddress speaks a protocol: "/ip4/…/tcp/…/http" speaks ip4, tcp and http.
bool speaks(std::string_view address, std::string_view protocol) {
  while (!address.empty()) {
    address.remove_prefix(address.starts_with('/') ? 1 : 0);
    const auto part = address.substr(0, address.find('/'));
    if (part == protocol) return true;
    address.remove_prefix(part.size());
  }
  return false;
}

/// Filters of IPIP-484: "a" asks for a, "!a" refuses it, "unknown" asks for peers without any.
std::optional<std::vector<std::string>> filteredAddresses(const Provider& self,
                                                          const std::vector<std::string>& filters) {
  if (filters.empty()) return self.addresses;
  const bool unknown = std::ranges::find(filters, "unknown") != filters.end();
  if (self.addresses.empty()) {
    return unknown ? std::optional(std::vector<std::string>()) : std::nullopt;
  }
  const bool asksForSome = std::ranges::any_of(
      filters, [](const auto& filter) { return !filter.starts_with('!') && filter != "unknown"; });
  std::vector<std::string> kept;
  for (const auto& address : self.addresses) {
    const bool refused = std::ranges::any_of(filters, [&](std::string_view filter) {
      return filter.starts_with('!') && speaks(address, filter.substr(1));
    });
    const bool asked = !asksForSome || std::ranges::any_of(filters, [&](std::string_view filter) {
      return !filter.starts_with('!') && speaks(address, filter);
    });
    if (asked && !refused) kept.push_back(address);
  }
  if (kept.empty()) return std::nullopt;
  return kept;
}

std::optional<json::object> record(const Provider& self, const net::Request& request) {
  const auto protocols = listOf(request, "filter-protocols");
  if (!protocols.empty() &&
      std::ranges::find(protocols, std::string_view(kProtocol)) == protocols.end()) {
    return std::nullopt;
  }
  const auto addresses = filteredAddresses(self, listOf(request, "filter-addrs"));
  if (!addresses) return std::nullopt;
  json::array addressList;
  for (const auto& address : *addresses) addressList.push_back(json::string(address));
  json::array protocolList;
  protocolList.push_back(json::string(kProtocol));
  return json::object{{"Schema", "peer"},
                      {"ID", self.peerId},
                      {"Addrs", std::move(addressList)},
                      {"Protocols", std::move(protocolList)}};
}

net::Response records(const net::Request& request, std::string_view name,
                      const std::optional<json::object>& found) {
  const auto accepted = acceptedTypes(request.headers.get("Accept"));
  const bool lines = std::ranges::any_of(
      accepted, [](const auto& type) { return type.type == "application/x-ndjson"; });
  net::Response response;
  auto& headers = response.headers;
  headers.set("Content-Type", lines ? "application/x-ndjson" : "application/json");
  headers.set("Vary", "Accept");
  // What is not here may come soon.
  headers.set("Cache-Control", found ? "public, max-age=300, stale-while-revalidate=172800"
                                     : "public, max-age=15, stale-while-revalidate=172800");
  allowEveryOrigin(headers);
  if (lines) {
    response.body = found ? json::serialize(*found) + "\n" : std::string();
  } else {
    json::array list;
    if (found) list.push_back(*found);
    json::object all;
    all[name] = std::move(list);
    response.body = json::serialize(all);
  }
  return response;
}

net::Response refused(int status, std::string_view text) {
  auto response = net::textResponse(status, text);
  allowEveryOrigin(response.headers);
  return response;
}

bool holds(Source& source, const cid::Cid& cid) {
  return cid.isIdentity() || source.block(cid).has_value();
}

}  // namespace

std::string peerIdOf(std::span<const std::byte, 32> publicKey) {
  // An identity hash of the key in its protobuf: field 1 says Ed25519, field 2 has the 32 bytes.
  std::string bytes("\x00\x24\x08\x01\x12\x20", 6);
  bytes.append(reinterpret_cast<const char*>(publicKey.data()), publicKey.size());
  return cid::encodeBase58(std::as_bytes(std::span(bytes)));
}

net::Response answerRouting(Source& source, const Provider& self, const net::Request& request) {
  if (request.method == "OPTIONS") {
    net::Response response;
    response.status = 204;
    allowEveryOrigin(response.headers);
    return response;
  }
  const auto path = percentDecoded(request.path).value_or("");
  if (path.starts_with(kPeers)) {
    const bool own =
        !self.peerId.empty() && std::string_view(path).substr(kPeers.size()) == self.peerId;
    return records(request, "Peers", own ? record(self, request) : std::nullopt);
  }
  if (!path.starts_with(kProviders)) return refused(501, "only providers and peers are known here");
  const auto written = std::string_view(path).substr(kProviders.size());
  const auto cid = cid::Cid::parse(written);
  // A CID of a foreign codec or hash function is one all the same; what is not even encoded is
  // none.
  if (!cid &&
      (cid.error().category != ErrorCategory::Unsupported || !cid::decodeMultibase(written))) {
    return refused(400, cid.error().message);
  }
  const bool held = cid && !self.peerId.empty() && holds(source, *cid);
  return records(request, "Providers", held ? record(self, request) : std::nullopt);
}

}  // namespace webpool::api::gateway
