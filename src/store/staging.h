// Where unfinished imports live: one locked folder each, so that what a dead process left is told
// from what a living one still needs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/random.h"
#include "store/progress.h"
#include "webpool/error.h"

namespace webpool::store {

/// flock(2), waited for by asking twenty times a second, so that a stop request is heard. `onWait`
/// is called once if it has to wait.
Result<base::FileLock> waitForLock(const std::filesystem::path& path, const std::stop_token& stop,
                                   const std::function<void()>& onWait = {});

/// A folder, deleted with its contents when this is destroyed.
class StagingFolder {
 public:
  StagingFolder(std::filesystem::path path, base::FileLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;
  ~StagingFolder();

  const std::filesystem::path& path() const noexcept { return path_; }
  /// It stays when this is destroyed.
  void keep(bool kept) noexcept { kept_ = kept; }

 private:
  std::filesystem::path path_;
  base::FileLock lock_;
  bool kept_ = false;
};

/// The folder that holds the staging folders. Thread-safe.
class StagingArea {
 public:
  StagingArea(std::filesystem::path folder, base::RandomSource random)
      : folder_(std::move(folder)), random_(std::move(random)) {}

  Result<std::unique_ptr<StagingFolder>> create();

  /// The folder of that name, with what an earlier owner kept in it; Busy while another has it.
  Result<std::unique_ptr<StagingFolder>> openKept(std::string_view name);

  /// Whether the owner of a folder of that name lives.
  bool isHeld(const std::string& name) const;

  /// Deletes the folders whose owner is gone: fresh ones, and kept ones that nobody opened for a
  /// week, or all of them.
  Result<void> sweep(bool alsoKept = false);

  /// Bytes of the files in kept folders whose owner is gone.
  Result<std::uint64_t> keptBytes() const;

 private:
  std::filesystem::path folder_;
  base::RandomSource random_;
};

}  // namespace webpool::store
