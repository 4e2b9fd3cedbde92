// Reads a file once: copies it and hashes it, leaf by leaf and as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <vector>

#include "cid/sha256.h"
#include "webpool/error.h"

namespace webpool::store {

struct Ingested {
  std::uint64_t size = 0;
  cid::Digest sha256{};
  std::vector<cid::Digest> leaves;
  std::int64_t mtimeNs = 0;  ///< of the target, as it stays
};

/// Bytes read so far.
using IngestProgress = std::function<void(std::uint64_t)>;

/// Copies `source` to the new file `target` (shares the disk blocks where the file system can;
/// leaves holes as holes), read-only and flushed to the disk. What is hashed is what was written.
/// Hashing runs on two more threads while the copy goes on. On failure the target may be there,
/// incomplete: the caller deletes it.
Result<Ingested> ingestCopy(const std::filesystem::path& source,
                            const std::filesystem::path& target, const IngestProgress& progress,
                            std::stop_token stop);

/// The same for a file that already lies where it shall: hashes, makes read-only, flushes.
Result<Ingested> ingestInPlace(const std::filesystem::path& file, const IngestProgress& progress,
                               std::stop_token stop);

/// Only the leaves' digests; for verification.
Result<std::vector<cid::Digest>> hashLeaves(int file, const std::filesystem::path& path,
                                            const IngestProgress& progress, std::stop_token stop);

/// Modification time in nanoseconds and size of an open file.
struct FileState {
  std::uint64_t size = 0;
  std::int64_t mtimeNs = 0;
  bool regular = false;
};
Result<FileState> stateOf(int file, const std::filesystem::path& path);

}  // namespace webpool::store
