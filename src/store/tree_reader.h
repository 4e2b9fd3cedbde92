// Walks what the store holds: nodes from the index, contents from the files. Every node is hashed
// when it is read.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cid/unixfs.h"
#include "store/content_entry.h"
#include "store/index.h"
#include "store/packs.h"
#include "store/resolve.h"

namespace webpool::store {

/// Where the file of that SHA-256 lies.
std::filesystem::path storedPath(const std::filesystem::path& storeFolder,
                                 const cid::Digest& sha256);

/// "remove it and import or fetch it again", for every Integrity error of the store.
extern const char* const kDamageHint;

/// Cheap to make; what it is given must outlive it.
class TreeReader {
 public:
  TreeReader(const std::filesystem::path& storeFolder, Index& index, Packs& packs)
      : folder_(storeFolder), index_(index), packs_(packs) {}

  /// The bytes of a dag-pb node.
  Result<std::string> nodeBlock(const cid::Cid& cid) const;
  Result<cid::UnixFsNode> node(const cid::Cid& cid) const;

  /// One block, of whatever codec.
  Result<Content> block(const cid::Cid& cid) const;

  Result<ContentDescription> describe(const cid::Cid& cid) const;
  Result<std::vector<ContentEntry>> list(const cid::Cid& cid) const;
  /// ContentStore::read().
  Result<void> read(const cid::Cid& cid, const PieceSink& sink, const JobOptions& options) const;

  /// The CID at a path below a root.
  Result<cid::Cid> descend(const cid::Cid& root, std::string_view path) const;

  /// The content of a leaf, a file or a part of one.
  Result<Content> content(const cid::Cid& cid) const;

  /// That every block below is here: NotFound names one that is not.
  Result<void> checkComplete(const cid::Cid& root) const;

  /// All files below, links left out.
  Result<std::vector<TreeFile>> files(const cid::Cid& root) const;

  /// Opens a file of the store; Integrity when it is not as it was when it was last hashed.
  Result<base::FileDescriptor> open(const FileRow& file) const;

 private:
  Result<std::uint64_t> fileSize(const cid::Cid& cid) const;
  Result<ContentEntry> entry(const cid::Link& link) const;
  Result<void> readWhole(const FileRow& file, const PieceSink& sink,
                         const JobOptions& options) const;
  Result<void> readBlocks(const cid::Cid& cid, std::uint64_t length, unsigned depth,
                          const PieceSink& sink, const JobOptions& options) const;
  Result<void> collectFiles(const cid::Cid& cid, const std::string& path, unsigned depth,
                            std::vector<TreeFile>& files) const;

  const std::filesystem::path& folder_;
  Index& index_;
  Packs& packs_;
};

}  // namespace webpool::store
