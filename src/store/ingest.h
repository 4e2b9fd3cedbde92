// Reads a file once: copies it and hashes it, leaf by leaf and as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "cid/sha256.h"
#include "cid/tree.h"
#include "store/leaf_pipeline.h"
#include "webpool/error.h"

namespace webpool::store {

struct Ingested {
  std::uint64_t size = 0;
  cid::Digest sha256{};
  std::vector<cid::Digest> leaves;
  std::int64_t mtimeNs = 0;  ///< of the target, as it stays
  bool flushed = false;      ///< its content survives a crash of the machine
};

/// Files of this size on are flushed as soon as they are complete; the caller flushes the smaller
/// ones together (store/group_flush.h).
inline constexpr std::uint64_t kFlushAtOnce = 16u << 20;

/// Bytes read so far.
using IngestProgress = std::function<void(std::uint64_t)>;

/// What fstat(2) tells of an open file.
struct FileState {
  std::uint64_t size = 0;
  std::int64_t mtimeNs = 0;
  std::int64_t ctimeNs = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool regular = false;

  bool operator==(const FileState&) const = default;
};

/// A copy that goes on where an earlier one ended.
struct CopyState {
  /// Of what the target holds already: read from there, and compared.
  std::vector<cid::Digest> leaves = {};
  /// Told of leaves as they are made, in order, those above included, on a thread of its own.
  LeafRecorder onLeaves = {};
  /// Of the source, as the caller saw it; Busy where it is another file by now.
  std::optional<FileState> source = {};
};

/// Copies `source` to the file `target` (shares the disk blocks where the file system can; leaves
/// holes as holes), read-only; flushed from kFlushAtOnce on. What is hashed is what was written.
/// Hashing runs on further threads while the copy goes on. The target must not exist, but where
/// `state.leaves` says what it holds; Integrity where it does not hold that. Busy where the source
/// changed meanwhile. On failure the target may be there, incomplete: the caller deletes or keeps
/// it.
Result<Ingested> ingestCopy(const std::filesystem::path& source,
                            const std::filesystem::path& target, const IngestProgress& progress,
                            std::stop_token stop, const CopyState& state = {});

/// The same for a file that already lies where it shall: hashes, makes read-only.
Result<Ingested> ingestInPlace(const std::filesystem::path& file, const IngestProgress& progress,
                               std::stop_token stop);

/// The same for a file that stays another's: its mode and times are not touched. Busy where it
/// changed meanwhile. `mtimeNs` is the source's.
Result<Ingested> ingestLinked(const std::filesystem::path& source, const IngestProgress& progress,
                              std::stop_token stop);

/// Both hashes of a file, which is left as it is. Busy where it changed meanwhile.
Result<Ingested> hashFile(const std::filesystem::path& file, const IngestProgress& progress,
                          std::stop_token stop);

/// Copies a file of the store to the new file `target`, as ingestCopy() does; gives the leaves of
/// what was written. Its mode is that of a new file, and nothing is flushed.
Result<std::vector<cid::Digest>> copyOut(int file, const std::filesystem::path& path,
                                         const std::filesystem::path& target,
                                         const IngestProgress& progress, std::stop_token stop);

/// Only the leaves' digests; for verification.
Result<std::vector<cid::Digest>> hashLeaves(int file, const std::filesystem::path& path,
                                            const IngestProgress& progress, std::stop_token stop);

Result<FileState> stateOf(int file, const std::filesystem::path& path);
/// The same of the file that a path leads to.
Result<FileState> stateAt(const std::filesystem::path& path);

/// Fills the buffer from `offset`; fewer bytes only at the end of the file.
Result<std::size_t> readAt(int file, std::span<std::byte> buffer, std::uint64_t offset,
                           const std::filesystem::path& path);

}  // namespace webpool::store
