// Keeps files and folders by what they contain. A file lies in the store once, whole and read-only;
// an index says which bytes of it each CID names, so that a block, a file or a range of it is sent
// straight from the disk. docs/store.md describes folders, schema and bytes.
//
// Threads: every call is synchronous and may be made from any thread, several at a time. resolve(),
// block(), listFiles() and pins() take microseconds to a few milliseconds and never wait for a
// writer. Imports, verify(), remove() and collect() can take as long as the disk needs: make them
// from a worker thread. Processes: any number may have one store open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "cid/cid.h"
#include "store/block_source.h"
#include "store/content_entry.h"
#include "store/import_options.h"
#include "store/import_session.h"
#include "store/progress.h"
#include "store/resolve.h"
#include "webpool/error.h"

namespace webpool::store {

class BlockSession;
class Hold;
class Index;
class LeafCheck;
class Packs;
class SpaceReserve;
class StagingArea;
class TreeReader;

/// A named root. What no pin reaches is deleted by collect().
struct Pin {
  /// "import" (name: the path it came from), "pin", "model", or "fetch": that of a Hold.
  std::string kind;
  std::string name;
  std::string variant;  ///< a model's dtype, the folder of a Hold, or empty
  cid::Cid cid;
  std::int64_t addedUnixSeconds = 0;
  std::string origin = {};  ///< where a model was had from, as JSON (docs/store.md); may be empty
};

struct Imported {
  cid::Cid root;
  std::uint64_t bytes = 0;  ///< of all files
  std::uint64_t files = 0;
};

/// What a collection deleted, or would delete.
struct Collected {
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  std::uint64_t nodes = 0;   ///< dag-pb blocks
  std::uint64_t blocks = 0;  ///< packed blocks
};

struct ScrubOptions {
  std::uint64_t bytesPerSecond = 0;  ///< 0: as fast as the disk
  /// Told of each thing that does not match its hash, when it is found.
  std::function<void(const cid::Cid&, const Error&)> onDamage = {};
};

struct ScrubReport {
  std::uint64_t bytes = 0;  ///< hashed
  std::uint64_t checked = 0;
  std::vector<cid::Cid> damaged;
};

/// The kind of a Hold's pins.
inline constexpr std::string_view kHoldKind = "fetch";

/// Takes a file's bytes in order. A failure ends the reading and is its outcome.
using PieceSink = std::function<Result<void>(std::span<const std::byte>)>;

class ContentStore final : public BlockSource {
 public:
  /// Creates what is missing and sweeps what dead imports left. Storage names a folder that can't
  /// be written or an index that is damaged or of a newer webpool.
  static Result<std::unique_ptr<ContentStore>> open(const std::filesystem::path& folder,
                                                    base::RandomSource random);
  ~ContentStore() override;

  /// A file, or a folder with all that lies below. All or nothing; pinned as kind "import" under
  /// its absolute path. NotFound, InvalidArgument (no regular file), NoSpace, Storage, Cancelled.
  Result<Imported> importPath(const std::filesystem::path& path, const JobOptions& options = {},
                              const ImportOptions& how = {});

  /// For callers that put a tree together themselves. `resume`: a name under which an import that
  /// is broken off is kept and gone on with; one at a time has it, another begins anew.
  Result<std::unique_ptr<ImportSession>> beginImport(std::string_view resume = {});

  /// What lies at `path` ("a/b", empty for the root itself) below `root`. NotFound when the store
  /// does not hold it; Integrity when the file changed on the disk since it was verified. A file
  /// that is kept in blocks is put together first, which takes as long as reading it.
  Result<Resolved> resolve(const cid::Cid& root, std::string_view path = {}) const;

  /// A file's bytes, where they lie in one piece; nullopt where it is kept in blocks.
  /// InvalidArgument for what is no file.
  Result<std::optional<Content>> onePiece(const cid::Cid& file) const;

  /// The CID at `path` below `root`, without opening what it names.
  Result<cid::Cid> resolveCid(const cid::Cid& root, std::string_view path) const;

  /// A dag-pb node, a leaf as a region of its file, or a packed block as a region of its pack. The
  /// last two are hashed the first time that this process asks for them, and again when their file
  /// has another state than then.
  Result<Block> block(const cid::Cid& cid) const override;

  /// The same, of a whole file's leaf without that hash: for what is copied to where it is hashed.
  Result<Block> unhashedBlock(const cid::Cid& cid) const;

  /// The bytes of a block, read and hashed now; nothing where they are nowhere right. Also of the
  /// undamaged leaves of a damaged file.
  std::optional<Bytes> intactBlock(const cid::Cid& cid) const;

  /// For pins that end with this process.
  Result<std::unique_ptr<Hold>> beginHold();

  /// For blocks that come one by one. They stay while the session lives, and then as long as a pin
  /// reaches them.
  Result<std::unique_ptr<BlockSession>> beginBlocks();

  /// What lies below is looked at block by block, each once. Unsupported where it has over a
  /// million entries, counted by paths, or is too deep.
  Result<ContentDescription> describe(const cid::Cid& cid, const std::stop_token& stop = {}) const;

  /// That a walk over all paths below ends soon and fits into memory: a small DAG can have paths
  /// without end. Unsupported where it does not; what is not here is no error.
  Result<void> checkWalkable(const cid::Cid& root, const std::stop_token& stop = {}) const;

  /// The entries of a folder by name; a file or link is its own only entry, without a name.
  Result<std::vector<ContentEntry>> list(const cid::Cid& cid) const;

  /// A file's bytes, piece by piece, each hashed before it is handed on: also a file that is kept
  /// in blocks only. InvalidArgument for a folder or a link.
  Result<void> read(const cid::Cid& file, const PieceSink& sink,
                    const JobOptions& options = {}) const;

  /// Writes what lies below `root` to `target`, which must not exist; hashed on the way. Links
  /// become links. Nothing is there after a failure. NoSpace before anything is written where it
  /// claims more bytes than are free.
  Result<Imported> exportPath(const cid::Cid& root, const std::filesystem::path& target,
                              const JobOptions& options = {}) const;

  /// All files below `root`, by path.
  Result<std::vector<TreeFile>> listFiles(const cid::Cid& root) const;

  /// Rehashes everything below `root`, whatever its codec. NotFound names what is missing,
  /// Integrity the first that does not match; a file is not served again then until it is imported
  /// anew. So it is with whatever read(), exportPath() and block() find damaged.
  Result<void> verify(const cid::Cid& root, const JobOptions& options = {});

  /// Whether everything below `root` is there and untouched. Rehashes only files whose size, time
  /// or mark says that they may have changed. Lists the files that are missing or damaged.
  Result<std::vector<TreeFile>> findDamage(const cid::Cid& root, const JobOptions& options = {});

  /// Whether something below `root` is here and known to be damaged, or found so: what is kept in
  /// blocks is hashed.
  bool isDamagedBelow(const cid::Cid& root, const std::stop_token& stop = {}) const;

  /// Whether the store holds the whole file of this CID, undamaged as far as a look at it tells.
  Result<bool> hasFile(const cid::Cid& cid) const;

  /// The whole-file SHA-256 is an alias of a file's CID.
  Result<cid::Cid> findBySha256(const cid::Digest& sha256) const;

  Result<std::vector<Pin>> pins(std::string_view kind = {}) const;

  /// Adds or replaces the pin (kind, name, variant). NotFound unless the store holds all below the
  /// root.
  Result<void> addPin(const Pin& pin);

  /// Removes the pins of that kind and name (all variants where none is given), then collects.
  /// NotFound when there is none.
  Result<void> removePin(std::string_view kind, std::string_view name,
                         std::optional<std::string_view> variant = std::nullopt);

  /// Removes that pin alone; what it kept goes with the next collection. NotFound.
  Result<void> unpin(const Pin& pin);

  /// Removes what importPath() brought. InvalidArgument names the model that still uses the root.
  Result<void> remove(const cid::Cid& root);

  /// Deletes every file, node and packed block that no pin reaches and no living session holds.
  /// Told of bytes that were decided on, to be kept or deleted. Cancelled: nothing was deleted.
  Result<Collected> collect(bool dryRun = false, const JobOptions& options = {});

  /// Deletes what imports that were broken off left to be gone on with; its bytes.
  Result<std::uint64_t> dropUnfinished(bool dryRun = false);

  /// Rehashes all that is here, files, nodes and packed blocks, in an order that begins anywhere,
  /// so that short runs reach everything in time. What is damaged is not served any more.
  Result<ScrubReport> scrub(const ScrubOptions& how = {}, const JobOptions& options = {});

  /// Rehashes what scrub() names by that CID: Integrity where it is still damaged.
  Result<void> recheck(const cid::Cid& cid, const std::stop_token& stop = {});

  const std::filesystem::path& folder() const noexcept { return folder_; }
  const base::RandomSource& random() const noexcept { return random_; }

 private:
  friend class BlockSession;
  friend class Hold;
  friend class ImportSession;
  ContentStore(std::filesystem::path folder, base::RandomSource random);

  /// Files and packs that no row of the index names. Inside a write transaction.
  Result<std::vector<std::filesystem::path>> orphans();
  /// Deletes them: what a crash or a removal left.
  Result<void> sweepOrphans();
  /// The pins of holds whose process is gone.
  Result<std::vector<Pin>> deadHolds(Index& index) const;
  Result<void> dropDeadHolds();
  /// Over the connection that never waits for a writer.
  TreeReader tree() const;

  std::filesystem::path folder_;
  base::RandomSource random_;
  std::unique_ptr<SpaceReserve> reserve_;  ///< outlives the index
  std::unique_ptr<StagingArea> staging_;
  std::unique_ptr<Packs> packs_;
  std::unique_ptr<Index> reader_;
  std::unique_ptr<Index> writer_;
  std::unique_ptr<LeafCheck> leafCheck_;
};

}  // namespace webpool::store
