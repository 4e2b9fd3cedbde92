// From a root and a path to what the path names: through folders, sharded folders, named links of
// dag-pb, and the maps and lists of dag-cbor and dag-json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cid/blocks.h"
#include "cid/unixfs.h"

namespace webpool::cid {

struct ResolvedPath {
  Cid cid;  ///< of the block that the path ends in
  /// The root and what each segment led to, `cid` at the end: no shards between them.
  std::vector<Cid> roots;
  /// Every block that was read on the way, shards too, in order; without `cid`'s own.
  std::vector<Cid> way;
  /// What of the path leads to a value inside the block and to no link.
  std::vector<std::string> rest;
};

/// `path`: "a/b", names as they are (not percent-encoded); empty segments mean nothing, ".." is a
/// name like any other. NotFound where there is no such name, or where the source lacks a block on
/// the way.
Result<ResolvedPath> resolvePath(Blocks& blocks, const Cid& root, std::string_view path);

/// All entries of a folder, plain (in its order) or sharded (in the order of places). Unsupported
/// over `limit` entries, InvalidArgument for what is no folder.
Result<std::vector<Link>> listFolder(Blocks& blocks, const Cid& folder,
                                     std::size_t limit = 1'000'000);

/// One entry of a folder without reading all of it. NotFound where there is none.
Result<Cid> findEntry(Blocks& blocks, const Cid& folder, std::string_view name);

}  // namespace webpool::cid
