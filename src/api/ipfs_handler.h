// GET and HEAD of /ipfs/{cid}[/path] out of the content store, as the gateway (api/gateway) answers
// them. Files go out as they lie on the disk. Never fetches anything.
#pragma once

#include <functional>
#include <utility>

#include "api/gateway/source.h"
#include "net/event_loop.h"
#include "net/http_types.h"
#include "store/content_store.h"

namespace webpool::api {

/// What the store holds, for a gateway. The store must outlive it. Its errors are for strangers:
/// they name CIDs and nothing of this machine.
class StoreSource : public gateway::Source {
 public:
  /// Told of what could not be read, with all that is known; any thread.
  using Trouble = std::function<void(const cid::Cid& cid, const Error& error)>;

  explicit StoreSource(const store::ContentStore& store, Trouble trouble = {})
      : store_(store), trouble_(std::move(trouble)) {}

  Result<Bytes> get(const cid::Cid& cid) override;
  Result<gateway::Content> block(const cid::Cid& cid) override;
  Result<std::optional<gateway::Content>> wholeFile(const cid::Cid& cid) override;

 private:
  std::unexpected<Error> told(const cid::Cid& cid, const Error& error) const;

  const store::ContentStore& store_;
  Trouble trouble_;
};

/// The gateway's answer at once, for callers that choose what is asked: 501 for what would have to
/// be read bit by bit (CARs, files that lie in several pieces).
net::Response respondWithContent(const store::ContentStore& store, const net::Request& request);

/// The gateway over the store, which must outlive the server. As gateway::gatewayHandler().
net::Handler contentHandler(const store::ContentStore& store, net::EventLoop& loop);

}  // namespace webpool::api
