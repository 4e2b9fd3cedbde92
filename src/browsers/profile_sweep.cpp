#include "browsers/profile_sweep.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

#include "browsers/browser_record.h"
#include "browsers/folder_lock.h"
#include "browsers/process_end.h"

namespace webpool::browsers {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kEndLimit{5000};

std::vector<fs::path> foldersIn(const fs::path& parent) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->symlink_status(ignored).type() == fs::file_type::directory) {
      folders.push_back(it->path());
    }
  }
  return folders;
}

/// Locks a folder that nobody holds. NotFound when there is nothing to lock (any more).
Result<FolderLock> lockLeftover(const fs::path& folder) {
  auto lock = FolderLock::tryAcquire(folder, FolderLock::IfMissing::Fail);
  if (lock || lock.error().category != ErrorCategory::NotFound) return lock;
  // Its maker has not made the lock file yet, or died before. Removing the empty folder makes a
  // living maker choose another name. A filled folder without a lock is damage: sweep it.
  if (::rmdir(folder.c_str()) == 0 || errno != ENOTEMPTY) return lock;
  return FolderLock::tryAcquire(folder, FolderLock::IfMissing::Create);
}

std::uint64_t bytesIn(const fs::path& folder) {
  constexpr std::uint64_t kBlock = 512;
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    struct stat status{};
    if (::lstat(it->path().c_str(), &status) == 0) {
      bytes += static_cast<std::uint64_t>(status.st_blocks) * kBlock;
    }
  }
  return bytes;
}

void removeIfEmpty(const fs::path& folder) {
  ::rmdir(folder.c_str());
}

}  // namespace

Result<unsigned> sweepLockedFolder(const fs::path& folder) {
  unsigned ended = 0;
  for (const auto& path : foldersIn(folder)) {
    const BrowserFolder browser{path};
    const auto record = readRecord(browser);
    if (!record) continue;
    auto done = endProcesses(identityOf(*record), kEndLimit);
    if (!done) return done;
    ended += *done;
    removeRecord(browser);
  }
  return ended;
}

SweepReport sweepProfiles(const fs::path& cache) {
  SweepReport report;
  const auto sweep = [&report](const fs::path& folder, bool remove) {
    const auto lock = lockLeftover(folder);
    if (!lock) {
      const auto category = lock.error().category;
      if (category != ErrorCategory::Busy && category != ErrorCategory::NotFound) {
        report.problems.push_back(lock.error().describe());
      }
      return;
    }
    const auto ended = sweepLockedFolder(folder);
    if (!ended) {
      report.problems.push_back(ended.error().describe());
      return;
    }
    report.processesEnded += *ended;
    if (!remove) return;
    if (const auto removed = removeLockedFolder(folder); !removed) {
      report.problems.push_back(removed.error().describe());
    } else {
      ++report.foldersRemoved;
    }
  };
  for (const auto& folder : foldersIn(cache / "slots")) sweep(folder, false);
  for (const auto& folder : foldersIn(cache / "ephemeral")) sweep(folder, true);
  removeIfEmpty(cache / "ephemeral");
  return report;
}

CleanReport cleanProfiles(const fs::path& cache) {
  CleanReport report;
  for (const auto* kind : {"slots", "ephemeral"}) {
    for (const auto& folder : foldersIn(cache / kind)) {
      const auto lock = lockLeftover(folder);
      if (!lock && lock.error().category == ErrorCategory::NotFound) continue;
      if (!lock && lock.error().category == ErrorCategory::Busy) {
        report.busy.push_back(folder);
        continue;
      }
      Result<unsigned> ended = lock ? sweepLockedFolder(folder) : std::unexpected(lock.error());
      if (!ended) {
        report.problems.push_back(ended.error().describe());
        continue;
      }
      const auto bytes = bytesIn(folder);
      if (const auto removed = removeLockedFolder(folder); !removed) {
        report.problems.push_back(removed.error().describe());
        continue;
      }
      report.bytesFreed += bytes;
      ++report.foldersRemoved;
    }
    removeIfEmpty(cache / kind);
  }
  return report;
}

}  // namespace webpool::browsers
