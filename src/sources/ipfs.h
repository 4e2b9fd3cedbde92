// How a person names content by its CID.
#pragma once

#include <string_view>

#include "cid/cid.h"

namespace webpool::sources {

/// Reads "ipfs://CID" (or "ipfs:CID", with "/ipfs/" or without).
Result<cid::Cid> parseIpfsAddress(std::string_view text);

}  // namespace webpool::sources
