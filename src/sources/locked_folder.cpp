#include "sources/locked_folder.h"

#include <system_error>
#include <utility>

#include "store/staging.h"

namespace webpool::sources {
namespace {

constexpr const char* kLockName = "lock";

}  // namespace

Result<LockedFolder> LockedFolder::open(std::filesystem::path path, const std::stop_token& stop,
                                        const std::function<void()>& onWait) {
  constexpr unsigned kMostTries = 100;  // each time another program was in between
  bool waited = false;
  const auto wait = [&] {
    if (!std::exchange(waited, true) && onWait) onWait();
  };
  for (unsigned tries = 1;; ++tries) {
    if (auto made = base::makeFolders(path); !made) return std::unexpected(made.error());
    auto lock = store::waitForLock(path / kLockName, stop, wait);
    if (lock) return LockedFolder(std::move(path), std::move(*lock));
    // Whoever had it has removed it.
    const bool gone = lock.error().category == ErrorCategory::NotFound;
    if (!gone || tries == kMostTries) return std::unexpected(lock.error());
  }
}

void LockedFolder::remove() && {
  const auto folder = std::move(path_);
  const auto lock = std::move(lock_);
  std::error_code ignored;
  for (std::filesystem::directory_iterator at(folder, ignored), end; !ignored && at != end;
       at.increment(ignored)) {
    std::error_code stays;
    if (at->path().filename() != kLockName) std::filesystem::remove_all(at->path(), stays);
  }
  // From here on another one may lock a new file in it: the folder goes only if it is empty.
  std::filesystem::remove(folder / kLockName, ignored);
  std::filesystem::remove(folder, ignored);
}

}  // namespace webpool::sources
