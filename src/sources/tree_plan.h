// What of a tree's blocks makes up which file: found from its nodes alone, before any file's bytes
// are there. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cid/cid.h"
#include "cid/sha256.h"
#include "cid/unixfs.h"
#include "store/folder_builder.h"
#include "store/tree_limits.h"
#include "webpool/error.h"

namespace webpool::sources {

/// A file in the store's own layout (docs/store.md), which is kept in one piece.
struct PlannedFile {
  cid::Cid cid;
  /// Of a file of one leaf: as its folder says, which may be wrong; 0 where nobody says.
  std::uint64_t size = 0;
  std::vector<cid::Cid> leaves;
};

/// A leaf of other layouts, kept as a block.
struct PlannedBlock {
  cid::Cid cid;
  std::uint64_t bytes = 0;
};

struct TreeEntry {
  std::string path;
  cid::Cid cid;  ///< of a file
  std::uint64_t dagSize = 0;
  std::optional<std::string> target = {};  ///< of a symbolic link
  bool folder = false;                     ///< an empty one
};

class TreePlan {
 public:
  explicit TreePlan(cid::Cid root) : root_(std::move(root)) {
    wantEntry(root_, 0, 0);
    entries_ = 1;
  }

  struct WantedNode {
    cid::Cid cid;
    std::uint64_t bytes = 0;
  };
  /// The next node to be read; nullopt where none is wanted for now.
  std::optional<WantedNode> nextNode();

  /// Reads a node that was wanted. `leafToo`: it holds bytes of a file as well, in another layout
  /// than the store's, and is to be kept as a block. Protocol for a malformed node, Unsupported
  /// for what is neither a file nor a folder, and as soon as a tree is known to be over the store's
  /// limits.
  struct Read {
    bool leafToo = false;
  };
  Result<Read> read(const cid::Cid& cid, std::string_view block);

  /// To be called when no node is wanted any more. Files over `mostBytes` are NoSpace, trees over
  /// the store's limits Unsupported, folders whose shards are none and files that could not be read
  /// (cid::FileWalk) Protocol.
  Result<void> finish(std::uint64_t mostBytes);

  /// How many bytes the nodes above a raw block say that it has; none for what is no part of a
  /// file. To be called after finish().
  std::optional<std::uint64_t> partSize(const cid::Cid& leaf) const;

  const std::vector<PlannedFile>& files() const noexcept { return files_; }
  const std::vector<PlannedBlock>& blocks() const noexcept { return blocks_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

  /// The nodes that are not part of a file in the store's layout, with their blocks.
  std::vector<std::pair<cid::Cid, const std::string*>> otherNodes() const;

  /// The tree as an import builds it; none where an import would not make the same of it: other
  /// layouts, shards, strange names. To be called once the sizes of all files are known.
  std::optional<std::vector<TreeEntry>> asImport(
      const std::unordered_map<cid::Cid, std::uint64_t>& sizes) const;

 private:
  struct Node {
    std::string block;
    cid::UnixFsEntity entity;
  };

  void wantEntry(const cid::Cid& cid, std::uint64_t bytes, unsigned level);
  Result<void> wantPart(const cid::FilePart& part, unsigned level);
  Result<void> wantParts(const cid::Cid& file, const cid::FileNode& node);
  Result<void> wantEntries(const cid::Cid& folder, const cid::UnixFsEntity& entity);
  bool collectLeaves(const cid::Cid& cid, std::uint64_t size, unsigned depth,
                     PlannedFile& file) const;
  std::optional<PlannedFile> planFile(const cid::Cid& cid) const;
  void markNodes(const cid::Cid& file);
  using Heights = std::unordered_map<cid::Cid, unsigned>;
  Result<unsigned> checkParts(const cid::Cid& file, unsigned level, Heights& known) const;
  Result<unsigned> checkPart(const cid::FilePart& part, unsigned level, Heights& known) const;
  using Sizes = std::unordered_map<cid::Cid, store::TreeSize>;
  Result<std::vector<const cid::UnixFsEntity*>> partsOf(const cid::Cid& folder) const;
  Result<store::TreeSize> measure(const cid::Cid& cid, unsigned level, Sizes& known) const;
  struct Listing {
    std::vector<TreeEntry> entries{};
    std::size_t pathBytes = 0;  ///< of folders too
  };
  bool listInto(const cid::Cid& folder, const std::string& path, unsigned depth,
                const std::unordered_map<cid::Cid, std::uint64_t>& sizes, Listing& listing) const;

  cid::Cid root_;
  std::deque<WantedNode> wanted_;
  std::unordered_map<cid::Cid, Node> nodes_;
  std::uint64_t nodeBytes_ = 0;
  /// Everything that was seen, so that nothing is wanted twice.
  std::unordered_map<cid::Cid, bool> seen_;
  std::vector<cid::Cid> fileRoots_;  ///< dag-pb files that an entry names
  std::unordered_map<cid::Cid, std::uint64_t> rawEntries_, rawParts_;
  std::unordered_map<cid::Cid, bool> entrySeen_;
  /// Of nodes below folders: at which level each was met first. It may lie deeper, too.
  std::unordered_map<cid::Cid, unsigned> levels_;
  /// The same of nodes below a file's root.
  std::unordered_map<cid::Cid, unsigned> fileLevels_;
  std::size_t entries_ = 0;                        ///< different ones
  std::unordered_map<cid::Cid, bool> wholeNodes_;  ///< of files that are kept in one piece
  std::vector<PlannedFile> files_;
  std::vector<PlannedBlock> blocks_;
  std::uint64_t bytes_ = 0;
};

}  // namespace webpool::sources
