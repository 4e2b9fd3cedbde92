// The blocks below a CID, depth first: what a CAR holds, and what a file's bytes are read from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_set>
#include <variant>
#include <vector>

#include "cid/blocks.h"
#include "cid/unixfs.h"

namespace webpool::cid {

/// Bytes of a file, both ends included; negative numbers count from its end (-1: the last byte).
struct EntityBytes {
  std::int64_t from = 0;
  std::optional<std::int64_t> to;  ///< absent: the file's end

  /// [begin, end) inside a file of `size` bytes; empty where nothing of it is meant.
  struct Span {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  Span within(std::uint64_t size) const noexcept;
};

/// Walks a file in order and reads no block that holds nothing of [begin, end), but the root's.
/// Memory: a block for each level.
class FileWalk {
 public:
  /// The root may be a raw leaf or a dag-pb node. `once`: a part that was walked as a whole is
  /// passed over when it comes again, so that a file that repeats itself costs no more than its
  /// blocks. `leaves`: false where raw leaves are only to be named.
  FileWalk(Blocks& blocks, Cid root, EntityBytes bytes = {}, bool once = false, bool leaves = true)
      : blocks_(blocks), root_(std::move(root)), bytes_(bytes), once_(once), leaves_(leaves) {}

  struct Step {
    Cid cid;
    Bytes block;                   ///< empty for a leaf that was not to be read
    Bytes data = {};               ///< the asked bytes of the file that lie in this very block
    EntityBytes::Span asked = {};  ///< of a leaf: which of its bytes those are
    std::uint64_t blockSize = 0;   ///< also of a leaf that was not to be read
  };

  /// The next block; nullopt at the end. Protocol when sizes disagree with what is there, for a
  /// part that is no part of a file, and where it lies too deep; else the source's errors. Nothing
  /// follows an error.
  Result<std::optional<Step>> next();

 private:
  struct Pending {
    Cid cid;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    unsigned depth = 0;
  };

  /// One block of the file, looked into as far as it is to be.
  struct Part {
    Bytes block;
    std::optional<FileNode> node;  ///< none for a raw leaf
    std::uint64_t blockSize = 0;
    std::uint64_t fileSize = 0;
  };

  Result<Part> look(const Cid& cid);
  Result<std::optional<Step>> begin();
  Result<std::optional<Step>> read(const Pending& part);
  Step stepInto(const Pending& part, Part read);
  bool isWanted(const Pending& part);
  Bytes clipped(const Bytes& data, std::uint64_t offset) const;

  Blocks& blocks_;
  Cid root_;
  EntityBytes bytes_;
  bool once_;
  bool leaves_;
  bool begun_ = false;
  EntityBytes::Span asked_;
  std::vector<Pending> pending_;    ///< the next one last
  std::unordered_set<Cid> walked_;  ///< as a whole
};

/// Bytes of the file of this CID, as its root says.
Result<std::uint64_t> fileSize(Blocks& blocks, const Cid& file);

/// Every link in a block, in its order; none in a block whose codec has no links. Protocol for a
/// malformed block.
Result<std::vector<Cid>> linksOfBlock(const Cid& cid, std::span<const std::byte> block);

/// Why a block that is no file, folder or link of UnixFS is none, naming it: Protocol where it is
/// malformed, Unsupported where it is something else, or UnixFS of a kind that is not read here.
Error whyNoEntity(const Cid& cid, std::span<const std::byte> block);

enum class DagScope {
  Block,   ///< the block alone
  Entity,  ///< a file, a folder's own blocks (with its shards), a document: without what they link
           ///< to
  All,     ///< everything below
};

struct DagWalkOptions {
  DagScope scope = DagScope::All;
  std::optional<EntityBytes> bytes = {};  ///< of a file, in Entity
  bool duplicates = false;                ///< a block comes as often as it is linked to
  /// False: raw blocks are not read, only named (Step::size), for those who send them as they lie.
  bool leaves = true;
};

/// Blocks below `root` in depth-first order, parents before children. Identity blocks are walked
/// through, and left out.
class DagWalk {
 public:
  /// `way`: blocks to give before it (ResolvedPath::way).
  DagWalk(Blocks& blocks, Cid root, DagWalkOptions options, std::vector<Cid> way = {});

  struct Step {
    Cid cid;
    Bytes block;  ///< empty for a raw block that was not to be read
    std::uint64_t size = 0;
  };

  /// nullopt at the end. Protocol for malformed blocks and too deep DAGs; else the source's errors.
  /// Nothing follows an error.
  Result<std::optional<Step>> next();

 private:
  struct Pending {
    Cid cid;
    unsigned depth = 0;
    bool alone = false;  ///< give the block, don't look into it
  };

  Result<std::optional<Step>> nextOfFile();
  Result<void> expand(const Pending& item, const Bytes& block);
  Result<void> expandAll(const Pending& item, const Bytes& block);
  Result<void> expandEntity(const Pending& item, const Bytes& block);
  void push(std::vector<Cid> links, const Pending& parent);
  bool isNew(const Cid& cid);

  Blocks& blocks_;
  Cid root_;
  DagWalkOptions options_;
  std::vector<Pending> pending_;  ///< the next one last
  std::optional<FileWalk> file_;
  std::unordered_set<Cid> seen_;
};

}  // namespace webpool::cid
