#include "api/gateway_routes.h"

#include <functional>
#include <memory>
#include <utility>

#include "api/gateway/gateway.h"
#include "api/gateway/handler.h"
#include "api/ipfs_handler.h"

namespace webpool::api {
namespace {

constexpr const char* kContent = "/ipfs/";
constexpr const char* kRouting = "/routing/v1/";
constexpr const char* kNames = "/ipns/";

/// What only callers with the token get no cache between may give to others (RFC 9111, 3.5).
net::Handler keptPrivate(net::Handler handler) {
  return [handler = std::move(handler)](net::Request request,
                                        const std::function<void(net::Response)>& respond) {
    handler(std::move(request), [respond](net::Response response) {
      constexpr std::string_view kPublic = "public";
      const std::string caching(response.headers.get("Cache-Control"));
      if (caching.starts_with(kPublic)) {
        response.headers.set("Cache-Control", "private" + caching.substr(kPublic.size()));
      }
      respond(std::move(response));
    });
  };
}

/// Clients of gateways try it: they are told why there is nothing.
void refuseNames(const net::Request&, const std::function<void(net::Response)>& respond) {
  auto response = net::textResponse(
      501, "names (IPNS) are not served here: ask for what they lead to, /ipfs/{cid}");
  gateway::allowEveryOrigin(response.headers);
  respond(std::move(response));
}

}  // namespace

std::vector<std::string> gatewayPrefixes() {
  return {kContent, kRouting, kNames};
}

void addGateway(Front& front, const store::ContentStore& store, gateway::Provider self, bool open,
                StoreSource::Trouble trouble) {
  const std::vector<std::string> methods{"GET", "OPTIONS"};
  const auto source = std::make_shared<StoreSource>(store, std::move(trouble));
  const bool isPrivate = !open && front.asksForToken();
  const auto kept = [isPrivate](net::Handler handler) {
    return isPrivate ? keptPrivate(std::move(handler)) : handler;
  };
  front.handle(
      methods, std::string(kContent) + "*", "ipfs",
      [source, kept](net::EventLoop& loop) { return kept(gateway::gatewayHandler(source, loop)); },
      open);
  front.handle(
      methods, std::string(kRouting) + "*", "routing",
      [source, kept, self = std::move(self)](net::EventLoop& loop) {
        return kept(gateway::routingHandler(source, self, loop));
      },
      open);
  front.handle(
      methods, std::string(kNames) + "*", "ipns", [](net::EventLoop&) { return refuseNames; },
      open);
}

}  // namespace webpool::api
