// The store's tables: which file each CID's content lies in, the dag-pb nodes, and the pins.
// docs/store.md has the schema. Each call takes the connection's mutex, so that one Index serves
// many threads; a write transaction holds it from begin to end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cid/cid.h"
#include "cid/sha256.h"
#include "cid/tree.h"
#include "store/content_store.h"
#include "store/database.h"

namespace webpool::store {

/// Size and time of a file's last change when it was last hashed.
struct FileStamp {
  std::uint64_t size = 0;
  std::int64_t mtimeNs = 0;
  /// Of a file that is linked with one outside the store, whose owner can set its modification
  /// time: the time that nobody can set. 0 for a file of the store alone.
  std::int64_t linkedCtimeNs = 0;

  bool operator==(const FileStamp&) const = default;
};

/// The stamp of a file that was found damaged: no file on the disk has it.
inline constexpr std::int64_t kDamaged = -1;

struct FileRow {
  std::int64_t id = 0;
  cid::Digest sha256{};
  cid::Cid root;
  std::uint64_t dagSize = 0;
  std::vector<cid::Digest> leaves;  ///< filled only where a call says so
  FileStamp stamp;
};

/// "The content of this CID is bytes [offset, offset + length) of that file."
struct RegionRow {
  FileRow file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// Where a packed block's bytes lie.
struct PackedRow {
  std::int64_t pack = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct PackRow {
  std::int64_t id = 0;
  std::uint64_t size = 0;  ///< bytes of its file that are acknowledged
};

class Index {
 public:
  static Result<std::unique_ptr<Index>> open(const std::filesystem::path& path);

  /// Every place of that content, for a CID that names a leaf, a file or a part of one.
  Result<std::vector<RegionRow>> regions(const cid::Cid& cid);
  /// A file by its root, leaves included.
  Result<std::optional<FileRow>> fileByRoot(const cid::Cid& root);
  Result<std::optional<FileRow>> fileBySha256(const cid::Digest& sha256);
  Result<std::optional<std::string>> node(const cid::Cid& cid);
  Result<std::vector<Pin>> pins(std::string_view kind);
  Result<std::vector<FileRow>> files();

  /// Remembers that a file was found as it should be, or (mtimeNs is kDamaged) not.
  Result<void> setStamp(std::int64_t file, const FileStamp& stamp);

  /// Remembers that a file was found damaged, where it still has the stamp of that row: else
  /// somebody mended it meanwhile.
  Result<void> markDamaged(const FileRow& file);

  /// Whoever was killed in the middle of a commit may have written all of it, and not yet told the
  /// other processes: they don't see it, but it comes to life when the last of them has ended and
  /// the log is read anew. This commits something, after which it can't. To be called before
  /// anything is deleted because no row names it. May be called inside write().
  Result<void> bury();

  /// Runs `body` inside one write transaction, alone among all threads and processes; commits when
  /// it succeeds. Inside, use the functions below and those of the Index itself.
  Result<void> write(const std::function<Result<void>()>& body);

  Result<void> addFile(const FileRow& file, const cid::FileTree& tree);
  Result<void> removeFile(std::int64_t file);
  Result<void> addNode(const cid::Cid& cid, std::string_view block);
  Result<void> removeNode(std::string_view cidBytes);
  Result<std::vector<std::string>> nodeCids();
  Result<void> putPin(const Pin& pin);
  Result<std::int64_t> erasePin(std::string_view kind, std::string_view name,
                                std::optional<std::string_view> variant);

  // index_packs.cpp
  /// Whether a node, a region or a packed block has that CID.
  Result<bool> holds(const cid::Cid& cid);
  Result<std::optional<PackedRow>> packed(const cid::Cid& cid);
  Result<std::vector<PackRow>> packs();
  Result<std::optional<PackRow>> pack(std::int64_t id);
  /// Binary CIDs of all packed blocks, or of those in one pack.
  Result<std::vector<std::string>> packedCids(std::optional<std::int64_t> pack = std::nullopt);
  /// A new pack, empty; ids are never used again.
  Result<std::int64_t> addPack();
  Result<void> setPackSize(std::int64_t pack, std::uint64_t size);
  Result<void> removePack(std::int64_t pack);
  Result<void> putPacked(const cid::Cid& cid, const PackedRow& row);
  /// Only where the block still lies in pack `from`.
  Result<void> movePacked(std::string_view cidBytes, std::int64_t from, const PackedRow& to);
  Result<void> removePacked(std::string_view cidBytes);
  /// Only where the block still lies there.
  Result<void> removePacked(const cid::Cid& cid, const PackedRow& place);
  Result<bool> hasPacked();
  /// Packed blocks that lie in the file of that root as well: its leaves and nodes.
  Result<std::vector<std::string>> packedInFile(const cid::Cid& root);
  /// Bytes of the pack's blocks, without what lies between them.
  Result<std::uint64_t> packedBytes(std::int64_t pack);

  /// What an unfinished session holds, by the name of its folder in tmp/.
  Result<void> addLease(std::string_view holder, const cid::Cid& cid);
  Result<void> removeLeases(std::string_view holder);
  Result<std::vector<std::string>> leaseHolders();
  Result<std::vector<std::string>> leasedCids(std::string_view holder);

 private:
  explicit Index(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  Result<std::optional<FileRow>> oneFile(Statement statement);
  Result<std::vector<std::string>> texts(Statement statement);

  std::recursive_mutex mutex_;
  std::unique_ptr<Database> database_;
};

}  // namespace webpool::store
