// Blocks that belong to no whole file (other layouts, other chunk sizes), appended to files that
// are CARs of version 1 without roots. What the index does not know of a pack is a torn tail.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/file.h"
#include "cid/cid.h"
#include "store/index.h"
#include "store/resolve.h"

namespace webpool::store {

/// Bytes after which a pack takes no more.
inline constexpr std::uint64_t kPackLimit = 256u << 20;

/// Thread-safe.
class Packs {
 public:
  explicit Packs(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path path(std::int64_t pack) const;
  const std::filesystem::path& folder() const noexcept { return folder_; }

  /// A packed block as a region of its pack; none where none has that CID. It is hashed the first
  /// time that this process asks for it, and again when its pack has another time than then.
  /// Integrity where it does not match.
  Result<std::optional<StoredRegion>> find(Index& index, const cid::Cid& cid);

  /// The same, hashed whatever was found before.
  Result<std::optional<StoredRegion>> findAndHash(Index& index, const cid::Cid& cid);

  /// Forgets those of these packed blocks that are damaged: they are here in another form, and
  /// right there.
  Result<void> dropDamaged(Index& writer, std::span<const cid::Cid> doubles);

  /// Cuts what was written and never acknowledged, of packs that nobody is writing.
  Result<void> cutTornTails(Index& writer);

  /// Packs without a row. Inside a write transaction.
  Result<std::vector<std::filesystem::path>> orphans(Index& writer) const;

 private:
  Result<std::optional<StoredRegion>> look(Index& index, const cid::Cid& cid, bool always);
  Result<StoredRegion> check(base::FileDescriptor file, const cid::Cid& cid, const PackedRow& row,
                             bool always);
  bool isHashed(std::int64_t pack, std::int64_t mtimeNs, std::uint64_t offset);
  void setHashed(std::int64_t pack, std::int64_t mtimeNs, std::uint64_t offset);
  void setDamaged(std::int64_t pack, std::uint64_t offset);

  struct Hashed {
    std::int64_t mtimeNs = 0;
    std::unordered_set<std::uint64_t> offsets;
  };
  std::filesystem::path folder_;
  std::mutex mutex_;
  std::unordered_map<std::int64_t, Hashed> hashed_;
};

/// One pack, locked for writing. What was appended counts once it is flushed and in the index.
class PackAppender {
 public:
  /// One that has room and that nobody writes, else a new one.
  static Result<PackAppender> open(const Packs& packs, Index& writer);
  /// A new one.
  static Result<PackAppender> create(const Packs& packs, Index& writer);

  /// NoSpace leaves all earlier blocks as they are, and more can be tried.
  Result<PackedRow> append(const cid::Cid& cid, std::span<const std::byte> block);
  Result<void> flush();

  std::int64_t id() const noexcept { return id_; }
  std::uint64_t size() const noexcept { return size_; }
  bool isFull() const noexcept { return size_ >= kPackLimit; }

 private:
  PackAppender(std::int64_t id, std::uint64_t size, std::filesystem::path path, base::FileLock lock,
               base::FileDescriptor file)
      : id_(id),
        size_(size),
        path_(std::move(path)),
        lock_(std::move(lock)),
        file_(std::move(file)) {}
  static Result<std::optional<PackAppender>> tryOpen(const Packs& packs, Index& writer,
                                                     std::int64_t id);

  std::int64_t id_;
  std::uint64_t size_;
  std::filesystem::path path_;
  base::FileLock lock_;
  base::FileDescriptor file_;
};

}  // namespace webpool::store
