// Sharded folders: a tree of dag-pb nodes in which the hash of a name says the way to its entry.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cid/tree.h"
#include "cid/unixfs.h"

namespace webpool::cid {

/// The places that a name goes through, from the root down, in a folder of that fanout.
class ShardPath {
 public:
  ShardPath(std::string_view name, std::size_t fanout) noexcept;

  /// The place in the next node; nullopt when the hash has no bits left.
  std::optional<std::size_t> next() noexcept;

 private:
  std::uint64_t hash_;
  unsigned bits_;
  unsigned left_ = 64;
};

/// The place at `index`, or null where none is taken.
const ShardNode::Place* findPlace(const ShardNode& shard, std::size_t index) noexcept;

/// The nodes of a folder, children before parents; the last one is the root.
struct FolderTree {
  Cid root;
  std::uint64_t dagSize = 0;  ///< all nodes and all that lies below the entries
  std::vector<TreeNode> nodes;
};

/// A folder as the profile wants it: one plain node, or shards of 256 places where that node would
/// pass `threshold` bytes. Entries in any order; every link needs its size. InvalidArgument as
/// sortEntries().
Result<FolderTree> buildFolder(std::vector<Link> entries,
                               std::size_t threshold = kMaxDirectoryBlock);

}  // namespace webpool::cid
