#include "store/disk_space.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"

namespace webpool::store {
namespace {

constexpr std::uint64_t kLeastReserve = 1u << 20;
constexpr std::uint64_t kMostReserve = 64u << 20;
/// Below it is not worth a file.
constexpr std::uint64_t kSmallestRest = 128u << 10;
/// So many times the reserve must be free for it to be made: small disks are not filled by it.
constexpr std::uint64_t kPlenty = 8;

/// Without disk blocks it would be no reserve: where the file system can't promise them, there is
/// none.
bool allocate(const std::filesystem::path& path, std::uint64_t size) {
  const auto file = base::openFile(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  if (!file) return false;
  if (::fallocate(file->get(), 0, 0, static_cast<off_t>(size)) == 0) return true;
  ::unlink(path.c_str());
  return false;
}

}  // namespace

std::optional<std::uint64_t> freeBytes(const std::filesystem::path& folder) {
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0) return std::nullopt;
  return std::uint64_t{disk.f_bavail} * disk.f_frsize;
}

Result<void> checkRoom(const std::filesystem::path& folder, std::uint64_t bytes,
                       std::string_view what) {
  const auto free = freeBytes(folder);
  if (!free || bytes <= *free) return {};  // where it can't be told, writing will tell
  return fail(ErrorCategory::NoSpace,
              fmt::format("{} needs {} MiB in {}, where {} MiB are free", what, bytes >> 20,
                          folder.native(), *free >> 20),
              "free space on that disk, or give a path on another one");
}

std::uint64_t SpaceReserve::wanted() const {
  std::error_code none;
  const auto size = std::filesystem::file_size(index_, none);
  // A removal may write each page of the index once more.
  return std::clamp(none ? 0 : size + kLeastReserve, kLeastReserve, kMostReserve);
}

void SpaceReserve::giveUpWhereFull() {
  const auto free = freeBytes(file_.parent_path());
  if (!free || *free >= wanted()) return;
  givenUp_ = true;
  ::unlink(file_.c_str());
}

void SpaceReserve::make() {
  const auto free = freeBytes(file_.parent_path());
  const auto size = wanted();
  struct stat status{};
  const bool there = ::stat(file_.c_str(), &status) == 0;
  // An index grows little by little: its reserve follows in larger steps.
  if (there && static_cast<std::uint64_t>(status.st_size) >= size / 2) return;
  if (!free || *free < kPlenty * size) return;
  allocate(file_, size);
}

SpaceReserve::~SpaceReserve() {
  if (!givenUp_) return;
  // As much as there is: the index gave back what it took, and a collection may have freed more.
  const auto free = freeBytes(file_.parent_path()).value_or(0);
  for (auto size = std::min(wanted(), free); size >= kSmallestRest; size /= 2) {
    if (allocate(file_, size)) return;
  }
}

bool canShareBytes(const std::filesystem::path& folder) {
  struct statfs about{};
  if (::statfs(folder.c_str(), &about) != 0) return false;
  const auto type = static_cast<unsigned long>(about.f_type);
  return type == BTRFS_SUPER_MAGIC || type == XFS_SUPER_MAGIC;
}

}  // namespace webpool::store
