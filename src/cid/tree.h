// Builds files and folders under the import profile `unixfs-v1-2025`, so that the same content has
// the same CID here and in every other implementation of that profile.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cid/cid.h"
#include "cid/dag_pb.h"
#include "cid/sha256.h"
#include "webpool/error.h"

namespace webpool::cid {

inline constexpr std::uint64_t kLeafSize = 1u << 20;
inline constexpr std::size_t kTreeWidth = 1024;
/// A plain directory's block; above it the profile asks for a sharded one.
inline constexpr std::size_t kMaxDirectoryBlock = 256u << 10;

/// How many leaves a file has: at least one (an empty file is one empty leaf).
std::uint64_t leafCount(std::uint64_t fileSize) noexcept;

/// A dag-pb node of a file, and the bytes of the file that lie below it.
struct TreeNode {
  Cid cid;
  std::string block;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct FileTree {
  Cid root;
  std::uint64_t dagSize = 0;    ///< all blocks together: the Tsize of a link to the root
  std::vector<TreeNode> nodes;  ///< children before parents; empty where the root is a raw leaf
};

/// `leaves`: SHA-256 of each 1 MiB of the file, the last one shorter. InvalidArgument when their
/// number does not fit the size.
Result<FileTree> buildFileTree(std::span<const Digest> leaves, std::uint64_t fileSize);

struct Directory {
  Cid cid;
  std::string block;
  std::uint64_t dagSize = 0;
};

/// Sorts the entries by name, bytewise. InvalidArgument for an empty, doubled or unusable name, or
/// one without its size.
Result<void> sortEntries(std::vector<Link>& entries);

/// The one node of sorted entries, whatever its size; buildFolder() (cid/hamt.h) shards large ones.
Directory plainDirectory(std::vector<Link> entries);

}  // namespace webpool::cid
