// What this process found out about the leaves of whole files: which it has hashed, and which files
// are damaged.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/file.h"
#include "cid/cid.h"
#include "store/index.h"
#include "store/ingest.h"
#include "webpool/error.h"

namespace webpool::store {

/// Thread-safe.
class LeafCheck {
 public:
  /// Damage is written there.
  explicit LeafCheck(Index& writer) : writer_(writer) {}

  /// Hashes a leaf the first time that this process is asked, and again when its file has another
  /// state than then. Integrity where it does not match; its file is marked.
  Result<void> check(const RegionRow& region, const cid::Cid& leaf,
                     const base::FileDescriptor& file, const std::filesystem::path& path);

  /// Marks a file that was found damaged, as a verification does, unless it was mended meanwhile.
  /// Where the index can't be written it stays as it was, and whoever reads it finds it again.
  void noteDamage(const FileRow& file);

 private:
  struct Hashed {
    FileState state;
    std::vector<bool> leaves;
  };
  bool isHashed(std::int64_t file, const FileState& state, std::size_t leaf);
  void setHashed(std::int64_t file, const FileState& state, std::size_t leaf);

  Index& writer_;
  std::mutex mutex_;
  std::unordered_map<std::int64_t, Hashed> hashed_;  ///< by the file's row
};

}  // namespace webpool::store
