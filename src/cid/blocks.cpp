#include "cid/blocks.h"

#include <fmt/format.h>

namespace webpool::cid {

Result<Bytes> readBlock(Blocks& blocks, const Cid& cid) {
  if (cid.isIdentity()) return Bytes::copyOf(std::string_view(cid.hash().digest));
  auto block = blocks.get(cid);
  if (block && block->size() > kMaxBlock) {
    return fail(ErrorCategory::Protocol,
                fmt::format("the block {} has {} bytes, over the limit of {}", cid.text(),
                            block->size(), kMaxBlock));
  }
  return block;
}

}  // namespace webpool::cid
