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

std::unexpected<Error> StoreSource::told(const cid::Cid& cid, const Error& error) const {
  switch (error.category) {
    case ErrorCategory::NotFound:
      return fail(error.category, cid.text() + " is not here");
    case ErrorCategory::Protocol:
    case ErrorCategory::Unsupported:
    case ErrorCategory::InvalidArgument:
      return fail(error.category, error.message);  // they speak of blocks
    default:
      break;
  }
  if (trouble_) trouble_(cid, error);
  return fail(error.category, cid.text() + (error.category == ErrorCategory::Integrity
                                                ? " is damaged here, and is not served"
                                                : " can't be read here at present"));
}

Result<Bytes> StoreSource::get(const cid::Cid& cid) {
  const auto found = store_.block(cid);
  if (!found) return told(cid, found.error());
  auto bytes = store::mapContent(found->content);
  if (!bytes) return told(cid, bytes.error());
  return bytes;
}

Result<gateway::Content> StoreSource::block(const cid::Cid& cid) {
  auto found = store_.block(cid);
  if (!found) return told(cid, found.error());
  return contentOf(std::move(found->content));
}

Result<std::optional<gateway::Content>> StoreSource::wholeFile(const cid::Cid& cid) {
  const bool maybeFile = cid.codec() == cid::Codec::Raw || cid.codec() == cid::Codec::DagPb;
  if (cid.isIdentity() || !maybeFile) return std::nullopt;
  auto found = store_.onePiece(cid);
  if (!found) {
    // A damaged file is told; everything else is seen, and told better, in its blocks.
    if (found.error().category == ErrorCategory::Integrity) return told(cid, found.error());
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
