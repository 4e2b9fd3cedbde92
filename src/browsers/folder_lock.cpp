#include "browsers/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace webpool::browsers {
namespace {

constexpr const char* kName = "lock";

bool isStillAt(int fd, const std::filesystem::path& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

}  // namespace

Result<FolderLock> FolderLock::tryAcquire(const std::filesystem::path& folder,
                                          IfMissing ifMissing) {
  const auto path = folder / kName;
  const int create = ifMissing == IfMissing::Create ? O_CREAT : 0;
  auto file = base::openFile(path, O_RDWR | create, 0600);
  if (!file) return std::unexpected(file.error());
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(base::fileError("can't lock", path, errno));
  } else if (isStillAt(file->get(), path)) {
    return FolderLock(std::move(*file));
  }
  return fail(ErrorCategory::Busy, fmt::format("{} is in use", folder.native()),
              "stop the webpool that uses it");
}

Result<void> removeLockedFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::error_code firstError;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().filename() == kName) continue;
    std::error_code entryError;
    std::filesystem::remove_all(entry.path(), entryError);
    if (entryError && !firstError) firstError = entryError;
  }
  if (error) firstError = error;
  if (firstError)
    return std::unexpected(base::fileError("can't empty", folder, firstError.value()));
  ::unlink((folder / kName).c_str());
  // Not empty: another took the folder in this moment, which is its right.
  if (::rmdir(folder.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY) {
    return std::unexpected(base::fileError("can't remove", folder, errno));
  }
  return {};
}

}  // namespace webpool::browsers
