// A dag-pb block: named links and opaque data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cid/cid.h"
#include "webpool/error.h"

namespace webpool::cid {

/// Blocks above this are refused everywhere in IPFS.
inline constexpr std::size_t kMaxBlock = 2u << 20;

struct Link {
  Cid cid;
  std::string name;                   ///< written even when empty
  std::optional<std::uint64_t> size;  ///< bytes of the whole DAG below, blocks included ("Tsize")

  bool operator==(const Link&) const = default;
};

struct Node {
  std::vector<Link> links;
  std::optional<std::string> data;

  bool operator==(const Node&) const = default;
};

/// Canonical bytes: links in the order given, before the data.
std::string encodeNode(const Node& node);

/// Any order of fields is read (old writers put the data first). Protocol for everything that is no
/// dag-pb: cut off, lengths that lie, unknown fields, a link without a CID, over kMaxBlock.
Result<Node> decodeNode(std::span<const std::byte> block);

}  // namespace webpool::cid
