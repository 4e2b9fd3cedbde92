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
  front.handle(
      methods, std::string(kContent) + "*", "ipfs",
      [source](net::EventLoop& loop) { return gateway::gatewayHandler(source, loop); }, open);
  front.handle(
      methods, std::string(kRouting) + "*", "routing",
      [source, self = std::move(self)](net::EventLoop& loop) {
        return gateway::routingHandler(source, self, loop);
      },
      open);
  front.handle(
      methods, std::string(kNames) + "*", "ipns", [](net::EventLoop&) { return refuseNames; },
      open);
}

}  // namespace webpool::api
