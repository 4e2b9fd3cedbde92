#include "api/gateway_routes.h"

#include <memory>
#include <utility>

#include "api/gateway/handler.h"
#include "api/ipfs_handler.h"

namespace webpool::api {
namespace {

constexpr const char* kContent = "/ipfs/";
constexpr const char* kRouting = "/routing/v1/";

}  // namespace

std::vector<std::string> gatewayPrefixes() {
  return {kContent, kRouting};
}

void addGateway(Front& front, const store::ContentStore& store, gateway::Provider self, bool open) {
  const std::vector<std::string> methods{"GET", "OPTIONS"};
  const auto source = std::make_shared<StoreSource>(store);
  front.handle(
      methods, std::string(kContent) + "*", "ipfs",
      [source](net::EventLoop& loop) { return gateway::gatewayHandler(source, loop); }, open);
  front.handle(
      methods, std::string(kRouting) + "*", "routing",
      [source, self = std::move(self)](net::EventLoop& loop) {
        return gateway::routingHandler(source, self, loop);
      },
      open);
}

}  // namespace webpool::api
