// GET and HEAD of /ipfs/{cid}[/path] out of the content store, as the gateway (api/gateway) answers
// them. Files go out as they lie on the disk. Never fetches anything.
#pragma once

#include "api/gateway/source.h"
#include "net/event_loop.h"
#include "net/http_types.h"
#include "store/content_store.h"

namespace webpool::api {

/// What the store holds, for a gateway. The store must outlive it.
class StoreSource : public gateway::Source {
 public:
  explicit StoreSource(const store::ContentStore& store) : store_(store) {}

  Result<Bytes> get(const cid::Cid& cid) override;
  Result<gateway::Content> block(const cid::Cid& cid) override;
  Result<std::optional<gateway::Content>> wholeFile(const cid::Cid& cid) override;

 private:
  const store::ContentStore& store_;
};

/// The gateway's answer at once, for callers that choose what is asked: 501 for what would have to
/// be read bit by bit (CARs, files that lie in several pieces).
net::Response respondWithContent(const store::ContentStore& store, const net::Request& request);

/// The gateway over the store, which must outlive the server. As gateway::gatewayHandler().
net::Handler contentHandler(const store::ContentStore& store, net::EventLoop& loop);

}  // namespace webpool::api
