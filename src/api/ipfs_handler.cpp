#include "api/ipfs_handler.h"

#include <string>
#include <utility>

#include "api/gateway/gateway.h"
#include "api/gateway/handler.h"
#include "cid/cid.h"

namespace webpool::api {
namespace {

gateway::Content contentOf(store::Content content) {
  if (auto* region = std::get_if<store::StoredRegion>(&content)) {
    return net::FileRegion{std::move(region->file), region->offset, region->length};
  }
  return std::get<Bytes>(std::move(content));
}

}  // namespace

Result<Bytes> StoreSource::get(const cid::Cid& cid) {
  const auto found = store_.block(cid);
  if (!found) return std::unexpected(found.error());
  return store::mapContent(found->content);
}

Result<gateway::Content> StoreSource::block(const cid::Cid& cid) {
  auto found = store_.block(cid);
  if (!found) return std::unexpected(found.error());
  return contentOf(std::move(found->content));
}

Result<std::optional<gateway::Content>> StoreSource::wholeFile(const cid::Cid& cid) {
  const bool maybeFile = cid.codec() == cid::Codec::Raw || cid.codec() == cid::Codec::DagPb;
  if (cid.isIdentity() || !maybeFile) return std::nullopt;
  auto found = store_.onePiece(cid);
  if (!found) {
    // A damaged file is told; everything else is seen, and told better, in its blocks.
    if (found.error().category == ErrorCategory::Integrity) return std::unexpected(found.error());
    return std::nullopt;
  }
  if (!*found) return std::nullopt;
  return contentOf(std::move(**found));
}

net::Response respondWithContent(const store::ContentStore& store, const net::Request& request) {
  StoreSource source(store);
  auto answered = gateway::answer(source, request);
  if (!answered.body) return std::move(answered.response);
  return net::textResponse(501, "this is sent bit by bit, and not from here");
}

net::Handler contentHandler(const store::ContentStore& store, net::EventLoop& loop) {
  return gateway::gatewayHandler(std::make_shared<StoreSource>(store), loop);
}

}  // namespace webpool::api
