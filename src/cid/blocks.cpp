#include "cid/blocks.h"

#include <fmt/format.h>

namespace webpool::cid {
namespace {

std::unexpected<Error> tooLarge(const Cid& cid, std::uint64_t size) {
  return fail(
      ErrorCategory::Protocol,
      fmt::format("the block {} has {} bytes, over the limit of {}", cid.text(), size, kMaxBlock));
}

}  // namespace

Result<std::uint64_t> Blocks::sizeOf(const Cid& cid) {
  const auto block = get(cid);
  if (!block) return std::unexpected(block.error());
  return block->size();
}

Result<Bytes> readBlock(Blocks& blocks, const Cid& cid) {
  if (cid.isIdentity()) return Bytes::copyOf(std::string_view(cid.hash().digest));
  auto block = blocks.get(cid);
  if (block && block->size() > kMaxBlock) return tooLarge(cid, block->size());
  return block;
}

Result<std::uint64_t> blockSize(Blocks& blocks, const Cid& cid) {
  if (cid.isIdentity()) return cid.hash().digest.size();
  auto size = blocks.sizeOf(cid);
  if (size && *size > kMaxBlock) return tooLarge(cid, *size);
  return size;
}

}  // namespace webpool::cid
