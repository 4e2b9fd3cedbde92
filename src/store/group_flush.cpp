#include "store/group_flush.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace webpool::store {
namespace {

/// From so many on, all that others have written to the disk meanwhile may be waited for, too.
constexpr std::size_t kMany = 64;

/// Disks of which syncfs(2) is known to be as good as an fsync(2) of each file. Servers and file
/// systems in user space may not hear of it.
bool isLocal(int file) {
  static constexpr std::array<unsigned long, 6> kLocal{EXT4_SUPER_MAGIC,  XFS_SUPER_MAGIC,
                                                       BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                                       TMPFS_MAGIC,       OVERLAYFS_SUPER_MAGIC};
  struct statfs about{};
  if (::fstatfs(file, &about) != 0) return false;
  return std::ranges::find(kLocal, static_cast<unsigned long>(about.f_type)) != kLocal.end();
}

Result<void> flushOne(const std::filesystem::path& path) {
  const auto file = base::openFile(path, O_RDONLY);
  if (!file) return std::unexpected(file.error());
  if (::fsync(file->get()) == 0) return {};
  // EFBIG: over the process's file size limit, which is as good as a full disk.
  return std::unexpected(base::fileError("can't write", path, errno == EFBIG ? ENOSPC : errno));
}

}  // namespace

GroupFlush::GroupFlush(const std::filesystem::path& folder)
    : folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

bool GroupFlush::flushWholeDisk() const {
  return folder_.valid() && isLocal(folder_.get()) && ::syncfs(folder_.get()) == 0;
}

Result<void> GroupFlush::run() {
  // What fails as a whole may be another's file: each tells for itself.
  if (files_.size() < kMany || !flushWholeDisk()) {
    for (const auto& file : files_) {
      if (auto flushed = flushOne(file); !flushed) return flushed;
    }
  }
  files_.clear();
  return {};
}

}  // namespace webpool::store
