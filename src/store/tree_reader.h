// Walks what the store holds: nodes from the index, contents from the files. Every node is hashed
// when it is read.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cid/blocks.h"
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

  /// The bytes of a block that is no raw leaf.
  Result<std::string> nodeBlock(const cid::Cid& cid) const;
  Result<cid::UnixFsEntity> entity(const cid::Cid& cid) const;

  /// One block, of whatever codec. Of a whole file's leaf, a look tells that the file is unchanged;
  /// it is not hashed.
  Result<Content> block(const cid::Cid& cid) const;

  Result<ContentDescription> describe(const cid::Cid& cid) const;
  Result<std::vector<ContentEntry>> list(const cid::Cid& cid) const;
  /// ContentStore::read().
  Result<void> read(const cid::Cid& cid, const PieceSink& sink, const JobOptions& options) const;

  /// The CID at a path below a root.
  Result<cid::Cid> descend(const cid::Cid& root, std::string_view path) const;

  /// The content of a leaf, a file or a part of one, where it lies in one piece; nullopt for a file
  /// that is kept in blocks. InvalidArgument for what is no file.
  Result<std::optional<Content>> onePiece(const cid::Cid& cid) const;

  /// That every block below is here, whatever its codec: NotFound names one that is not.
  Result<void> checkComplete(const cid::Cid& root) const;

  /// All files below. What is neither file nor folder is left out.
  Result<std::vector<TreeFile>> files(const cid::Cid& root) const;

  /// What is to be hashed for all below to be known as right, each once: files, and blocks that are
  /// no part of one. The nodes between them are hashed here. NotFound names what is missing.
  Result<std::vector<TreeFile>> parts(const cid::Cid& root) const;

  /// Opens a file of the store; Integrity when it is not as it was when it was last hashed.
  Result<base::FileDescriptor> open(const FileRow& file) const;

 private:
  struct Listing {
    std::vector<TreeFile> files;
    std::size_t visited = 0;  ///< folders too: a small DAG can have paths without end
    std::unordered_map<cid::Cid, std::vector<cid::Link>> folders;  ///< each is read once
  };
  struct Below {
    cid::Cid cid;
    std::string path;
  };

  Result<std::uint64_t> fileSize(const cid::Cid& cid) const;
  Result<ContentEntry> entry(const cid::Link& link) const;
  Result<std::optional<Content>> inWholeFile(const cid::Cid& cid) const;
  Result<Content> leaf(const cid::Cid& cid) const;
  Result<void> readWhole(const FileRow& file, const PieceSink& sink,
                         const JobOptions& options) const;
  Result<void> readBlocks(const cid::Cid& cid, const PieceSink& sink,
                          const JobOptions& options) const;
  Result<void> collectFiles(const cid::Cid& cid, const std::string& path, unsigned depth,
                            Listing& listing) const;
  Result<void> collectNode(const cid::Cid& cid, const std::string& path, Listing& listing) const;
  /// Adds the part, or what lies below to `pending`.
  Result<void> takePart(const Below& at, std::vector<TreeFile>& parts,
                        std::vector<Below>& pending) const;
  static Result<void> takeNode(const Below& at, std::string_view block,
                               std::vector<TreeFile>& parts, std::vector<Below>& pending);

  const std::filesystem::path& folder_;
  Index& index_;
  Packs& packs_;
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
