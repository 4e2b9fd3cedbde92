// The lock file of a folder that may be removed by whoever holds it.
#pragma once

#include <filesystem>

#include "base/file.h"
#include "webpool/error.h"

namespace webpool::browsers {

/// An exclusive flock(2) on <folder>/lock, held while the object lives. No child inherits it.
class FolderLock {
 public:
  enum class IfMissing { Create, Fail };

  /// Busy when another holder lives, in this process or another, or when the lock file was removed
  /// meanwhile (try again); NotFound when the folder (or with Fail the lock file) is not there.
  static Result<FolderLock> tryAcquire(const std::filesystem::path& folder, IfMissing ifMissing);

 private:
  explicit FolderLock(base::FileDescriptor fd) : fd_(std::move(fd)) {}
  base::FileDescriptor fd_;
};

/// Removes a folder whose lock the caller holds, the lock file last, so that nobody ever sees it
/// filled and unlocked. Returns the first failure.
Result<void> removeLockedFolder(const std::filesystem::path& folder);

}  // namespace webpool::browsers
