#include "sources/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cid/tree.h"
#include "store/ingest.h"

namespace webpool::sources {

Result<std::vector<bool>> PartialFile::findHeld(const std::stop_token& stop) {
  std::vector<bool> held(leaves_.size());
  struct stat status{};
  if (::lstat(path_.c_str(), &status) != 0) return held;
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || ::chmod(path_.c_str(), 0600) != 0) {
    if (::unlink(path_.c_str()) == 0) return held;
    return std::unexpected(base::fileError("can't remove", path_, errno));
  }
  const auto file = base::openFile(path_, O_RDWR | O_NOFOLLOW);
  if (!file) return std::unexpected(file.error());
  // Longer than it shall be, and it would never be right.
  if (status.st_size > static_cast<off_t>(size_) &&
      ::ftruncate(file->get(), static_cast<off_t>(size_)) != 0) {
    return std::unexpected(base::fileError("can't cut", path_, errno));
  }
  std::vector<std::byte> buffer(cid::kLeafSize);
  for (std::size_t leaf = 0; leaf < leaves_.size(); ++leaf) {
    if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "given up");
    const auto begin = leaf * cid::kLeafSize;
    const auto length = std::min(size_ - begin, cid::kLeafSize);
    const auto got = store::readAt(file->get(), std::span(buffer).first(length), begin, path_);
    if (!got) return std::unexpected(got.error());
    held[leaf] = *got == length && leaves_[leaf].matches(std::span(buffer).first(length));
  }
  return held;
}

Result<void> PartialFile::write(std::size_t leaf, std::string_view bytes) const {
  const auto file = base::openFile(path_, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  if (!file) return std::unexpected(file.error());
  auto at = static_cast<off_t>(leaf * cid::kLeafSize);
  while (!bytes.empty()) {
    const auto wrote = ::pwrite(file->get(), bytes.data(), bytes.size(), at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return std::unexpected(base::fileError("can't write", path_, errno));
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
    at += wrote;
  }
  return {};
}

}  // namespace webpool::sources
