// Files that are kept in blocks, as one piece.
#pragma once

#include <filesystem>

#include "cid/cid.h"
#include "store/resolve.h"
#include "store/tree_reader.h"

namespace webpool::store {

/// All bytes of the file, every block hashed: in memory where it is small, else in a file without a
/// name below `folder`, which goes with its last reader.
Result<Content> assemble(const TreeReader& tree, const cid::Cid& file,
                         const std::filesystem::path& folder);

}  // namespace webpool::store
