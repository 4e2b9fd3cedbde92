// GET and HEAD of /ipfs/{cid}[/path]: content of the store by its CID, whole or a range of it (with
// If-Range), and single blocks with ?format=raw, as an IPFS trustless gateway sends them. Never
// fetches anything.
#pragma once

#include "net/http_types.h"
#include "store/content_store.h"

namespace webpool::api {

/// Answers 400 (no CID), 404 (not held), 406 (a folder without
/// ?format=raw), 416, 500 (damaged on the disk), else 200, 206 or 304.
net::Response respondWithContent(const store::ContentStore& store, const net::Request& request);

/// The same as a handler; the store must outlive the server.
net::Handler contentHandler(const store::ContentStore& store);

}  // namespace webpool::api
