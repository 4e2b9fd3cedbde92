// Walks what the store holds: nodes from the index, contents from the files. Every node is hashed
// when it is read.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cid/blocks.h"
#include "cid/unixfs.h"
#include "store/content_entry.h"
#include "store/index.h"
#include "store/leaf_check.h"
#include "store/packs.h"
#include "store/resolve.h"
#include "store/tree_limits.h"

namespace webpool::store {

/// Where the file of that SHA-256 lies.
std::filesystem::path storedPath(const std::filesystem::path& storeFolder,
                                 const cid::Digest& sha256);

/// How what is damaged is mended, for every Integrity error of the store.
extern const char* const kDamageHint;

/// What is to be hashed below a root, each once. Paths are for people, and made when one is asked
/// for: a small DAG can have paths that are longer than all its blocks together.
class TreeParts {
 public:
  struct Part {
    cid::Cid cid;
    std::uint64_t size = 0;
    std::size_t place = 0;  ///< for pathOf()
  };
  const std::vector<Part>& all() const noexcept { return parts_; }
  /// A path that leads to the part; its end only where it is very long.
  std::string pathOf(const Part& part) const { return pathTo(part.place); }

 private:
  friend class TreeReader;
  struct Place {
    std::string name;
    std::size_t above = 0;
  };
  std::string pathTo(std::size_t place) const;

  std::vector<Part> parts_;
  std::vector<Place> places_{{}};  ///< the root's first
};

/// Cheap to make; what it is given must outlive it.
class TreeReader {
 public:
  /// `check`: leaves of whole files are hashed the first time, and damage is marked; without, a
  /// look tells that their files are unchanged.
  TreeReader(const std::filesystem::path& storeFolder, Index& index, Packs& packs,
             LeafCheck* check = nullptr)
      : folder_(storeFolder), index_(index), packs_(packs), check_(check) {}

  /// The bytes of a block that is no raw leaf.
  Result<std::string> nodeBlock(const cid::Cid& cid) const;
  Result<cid::UnixFsEntity> entity(const cid::Cid& cid) const;

  /// One block, of whatever codec.
  Result<Content> block(const cid::Cid& cid) const;

  /// ContentStore::intactBlock().
  std::optional<Bytes> intactBlock(const cid::Cid& cid) const;

  /// Of a file whose bytes were found wrong.
  void noteDamage(const FileRow& file) const {
    if (check_ != nullptr) check_->noteDamage(file);
  }

  Result<ContentDescription> describe(const cid::Cid& cid, const std::stop_token& stop = {}) const;
  Result<std::vector<ContentEntry>> list(const cid::Cid& cid) const;
  /// ContentStore::read().
  Result<void> read(const cid::Cid& cid, const PieceSink& sink, const JobOptions& options) const;
  /// Hashes a file that is kept in blocks, each block once however often the file repeats it.
  Result<void> hashBlocks(const cid::Cid& file, const JobOptions& options) const;

  /// Why a block is no file, folder or link: Protocol where it is malformed, Unsupported where it
  /// is something else; or the error of reading it.
  Error whyNoEntity(const cid::Cid& cid) const;

  /// The CID at a path below a root; Unsupported where it leads to a value inside a block.
  Result<cid::Cid> descend(const cid::Cid& root, std::string_view path) const;

  /// The content of a leaf, a file or a part of one, where it lies in one piece; nullopt for a file
  /// that is kept in blocks. InvalidArgument for what is no file.
  Result<std::optional<Content>> onePiece(const cid::Cid& cid) const;

  /// That every block below is here, whatever its codec: NotFound names one that is not.
  Result<void> checkComplete(const cid::Cid& root) const;

  /// Each block is looked at once, whatever the number of paths. Unsupported where a walk over all
  /// paths would be too deep or too long. `gaps`: what is not here counts as an entry, instead of
  /// being NotFound.
  Result<TreeSize> measure(const cid::Cid& root, const std::stop_token& stop, bool gaps) const;

  /// All files below. What is neither file nor folder is left out. Unsupported as measure().
  Result<std::vector<TreeFile>> files(const cid::Cid& root) const;

  /// What is to be hashed for all below to be known as right, each once: files, and blocks that are
  /// no part of one. The nodes between them are hashed here. NotFound names what is missing.
  Result<TreeParts> parts(const cid::Cid& root, const std::stop_token& stop) const;

  /// Opens a file of the store; Integrity when it is not as it was when it was last hashed.
  Result<base::FileDescriptor> open(const FileRow& file) const;

 private:
  struct Listing {
    std::vector<TreeFile> files;
    std::unordered_map<cid::Cid, std::vector<cid::Link>> folders;  ///< each is read once
  };
  struct Measuring {
    const std::stop_token& stop;
    bool gaps = false;
    std::unordered_map<cid::Cid, TreeSize> known;
  };
  class PartFinder;

  Result<std::uint64_t> fileSize(const cid::Cid& cid) const;
  Result<ContentEntry> entry(const cid::Link& link) const;
  Result<std::optional<Content>> inWholeFile(const cid::Cid& cid, bool isLeaf) const;
  Result<Content> leaf(const cid::Cid& cid) const;
  Result<void> readWhole(const FileRow& file, const PieceSink& sink,
                         const JobOptions& options) const;
  Result<void> readBlocks(const cid::Cid& cid, const PieceSink& sink,
                          const JobOptions& options) const;
  Result<TreeSize> measureBelow(const cid::Cid& cid, unsigned depth, Measuring& at) const;
  Result<TreeSize> measureNode(const cid::Cid& cid, unsigned depth, Measuring& at) const;
  Result<TreeSize> measureFolder(const cid::Cid& cid, unsigned depth, Measuring& at) const;
  Result<void> collectFiles(const cid::Cid& cid, const std::string& path, Listing& listing) const;
  Result<void> collectNode(const cid::Cid& cid, const std::string& path, Listing& listing) const;

  const std::filesystem::path& folder_;
  Index& index_;
  Packs& packs_;
  LeafCheck* check_;
};

/// The store as the functions of src/cid read it: every block is hashed.
class TreeBlocks final : public cid::Blocks {
 public:
  explicit TreeBlocks(const TreeReader& tree) : tree_(tree) {}
  Result<Bytes> get(const cid::Cid& cid) override;

 private:
  const TreeReader& tree_;
};

}  // namespace webpool::store
