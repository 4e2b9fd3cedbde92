#include "store/new_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "cid/sha256.h"

namespace webpool::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameSize = 12;

Result<base::FileDescriptor> makeAndOpen(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return std::unexpected(base::fileError("can't create folder", path, errno));
  }
  return base::openFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/// Whether the path still leads there: whoever had it before may just have removed it.
bool isThere(const base::FileDescriptor& folder, const fs::path& path) {
  struct stat opened{};
  struct stat named{};
  return ::fstat(folder.get(), &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/// The folder locked and empty; nothing where this file system has no locks.
Result<std::optional<base::FileDescriptor>> takeOver(const fs::path& path, const fs::path& target) {
  while (true) {
    auto folder = makeAndOpen(path);
    if (!folder) {
      if (folder.error().category == ErrorCategory::NotFound && fs::exists(path.parent_path())) {
        continue;  // removed between the two steps
      }
      return std::unexpected(folder.error());
    }
    if (::flock(folder->get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return std::optional<base::FileDescriptor>();
      return fail(ErrorCategory::Busy,
                  fmt::format("{} is being written by another call", target.native()),
                  "wait for it, or give another path");
    }
    if (!isThere(*folder, path)) continue;
    std::error_code failure;
    fs::remove_all(path / "content", failure);
    if (failure) return std::unexpected(base::fileError("can't remove", path, failure.value()));
    return std::optional(std::move(*folder));
  }
}

}  // namespace

Result<std::unique_ptr<NewFolder>> NewFolder::beside(const fs::path& target,
                                                     const base::RandomSource& random) {
  const auto name = target.filename().native();
  const auto digest = cid::hexText(cid::sha256(std::as_bytes(std::span(name))));
  auto path = target;
  path.replace_filename(fmt::format(".webpool-{}", digest.substr(0, kNameSize)));
  auto taken = takeOver(path, target);
  if (!taken) return std::unexpected(taken.error());
  if (*taken) return std::unique_ptr<NewFolder>(new NewFolder(path, std::move(**taken)));
  path.replace_filename(fmt::format(".webpool-{}", base::randomHex(random, kNameSize)));
  auto made = makeAndOpen(path);
  if (!made) return std::unexpected(made.error());
  return std::unique_ptr<NewFolder>(new NewFolder(path, std::move(*made)));
}

NewFolder::~NewFolder() {
  std::error_code ignored;  // the next writer of the same target tries again
  fs::remove_all(path_, ignored);
}

}  // namespace webpool::store
