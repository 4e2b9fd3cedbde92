// Content by its CID out of gateways, none of which is trusted: each block is asked for by itself
// (IPFS trustless gateway specification, ?format=raw) and checked against its CID.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_client.h"
#include "cid/cid.h"
#include "store/progress.h"

namespace webpool::sources {

/// Reads "ipfs://CID" (or "ipfs:CID", with "/ipfs/" or without).
Result<cid::Cid> parseIpfsAddress(std::string_view text);

struct GatewayOptions {
  /// "https://HOST", asked in this order until one answers right; http:// is for this machine only.
  std::vector<std::string> gateways;
  unsigned retries = 5;  ///< of one block at one gateway, where it failed for the moment
};

/// Writes the file or folder below `root` to `target`, which must not exist. Blocks, block by block
/// in order; memory is bounded by the depth of the tree. `progress` is told the bytes so far.
/// InvalidArgument for no gateway, or one that is no address or not encrypted; NotFound, Fetch,
/// Timeout when no gateway gave a block; Integrity when what they gave was wrong; Unsupported for
/// folders in shards (HAMT) and other codecs; NoSpace, Storage, Cancelled. What was written stays.
Result<void> fetchFromGateways(base::HttpClient& http, const cid::Cid& root,
                               const std::filesystem::path& target, const GatewayOptions& options,
                               const store::JobOptions& job);

}  // namespace webpool::sources
