// Walks what the store holds: nodes from the index, contents from the files. Every node is hashed
// when it is read.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cid/unixfs.h"
#include "store/index.h"
#include "store/resolve.h"

namespace webpool::store {

/// Where the file of that SHA-256 lies.
std::filesystem::path storedPath(const std::filesystem::path& storeFolder,
                                 const cid::Digest& sha256);

/// "remove it and import or fetch it again", for every Integrity error of the store.
extern const char* const kDamageHint;

/// Cheap to make; index must outlive it.
class TreeReader {
 public:
  TreeReader(const std::filesystem::path& storeFolder, Index& index)
      : folder_(storeFolder), index_(index) {}

  /// The bytes of a dag-pb node.
  Result<std::string> nodeBlock(const cid::Cid& cid) const;
  Result<cid::UnixFsNode> node(const cid::Cid& cid) const;

  /// The CID at a path below a root.
  Result<cid::Cid> descend(const cid::Cid& root, std::string_view path) const;

  /// The content of a leaf, a file or a part of one.
  Result<Content> content(const cid::Cid& cid) const;

  Result<std::vector<TreeFile>> files(const cid::Cid& root) const;

  /// Opens a file of the store; Integrity when it is not as it was when it was last hashed.
  Result<base::FileDescriptor> open(const FileRow& file) const;

 private:
  Result<std::uint64_t> fileSize(const cid::Cid& cid) const;
  Result<void> collectFiles(const cid::Cid& cid, const std::string& path, unsigned depth,
                            std::vector<TreeFile>& files) const;

  const std::filesystem::path& folder_;
  Index& index_;
};

}  // namespace webpool::store
