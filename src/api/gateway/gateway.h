// An IPFS gateway over a source of blocks: trustless (?format=raw and car) and by path (files,
// folders, values). docs/gateway.md has the rules. Never fetches anything.
#pragma once

#include <memory>

#include "api/gateway/body.h"
#include "api/gateway/source.h"
#include "net/http_types.h"

namespace webpool::api::gateway {

struct Answer {
  /// Without a body where `body` is set.
  net::Response response;
  /// The body, where it is read bit by bit; null for HEAD, whose response says of itself whether
  /// the length of that body is known.
  std::unique_ptr<BodyReader> body;
  /// How many bytes `body` gives; nullopt: not known before (a CAR).
  std::optional<std::uint64_t> bodySize;
};

/// GET, HEAD and OPTIONS of /ipfs/{cid}[/path]. Reads blocks: not for the event loop's thread,
/// unless the source is in memory. `source` must outlive the answer's body.
Answer answer(Source& source, const net::Request& request);

/// What lets pages of any origin read the answer.
void allowEveryOrigin(net::Headers& headers);

}  // namespace webpool::api::gateway
