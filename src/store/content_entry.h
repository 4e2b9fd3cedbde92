// What a CID of the store names, as a person is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cid/cid.h"
#include "cid/sha256.h"

namespace webpool::store {

enum class ContentKind {
  File,
  Folder,
  Link,
  Block,  ///< a block that is none of these
};

/// "file", "folder", "link", "block"
std::string_view kindName(ContentKind kind) noexcept;

/// One entry of a folder.
struct ContentEntry {
  std::string name;
  cid::Cid cid;
  /// File, where the entry's own block is not here: the folder's word is all there is.
  ContentKind kind = ContentKind::File;
  bool here = true;
  std::uint64_t size = 0;   ///< a file's bytes, a link's length; a folder: of its blocks
  std::string target = {};  ///< of a link
};

struct ContentDescription {
  cid::Cid cid;
  ContentKind kind = ContentKind::File;
  std::uint64_t bytes = 0;    ///< of the file, or of all files below
  std::uint64_t files = 0;    ///< below, itself included
  std::uint64_t dagSize = 0;  ///< all blocks below together, one that comes twice counted twice
  std::optional<cid::Digest> sha256 = {};  ///< of a file that is kept whole
  bool linked = false;                     ///< the file is another name of one outside the store
  std::string target = {};                 ///< of a link
};

}  // namespace webpool::store
