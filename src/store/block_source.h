// Blocks by their CID, wherever they lie.
#pragma once

#include "cid/cid.h"
#include "store/resolve.h"
#include "webpool/error.h"

namespace webpool::store {

class BlockSource {
 public:
  virtual ~BlockSource() = default;

  /// The block of exactly this CID. NotFound where it is not here; Integrity where it is damaged.
  virtual Result<Block> block(const cid::Cid& cid) const = 0;
};

}  // namespace webpool::store
