#include "store/new_file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "base/file.h"

namespace webpool::store {

Result<void> renameToNew(const std::filesystem::path& from, const std::filesystem::path& to) {
  int done = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  // A file system that can't look and rename in one step.
  if (done != 0 && errno == EINVAL) done = ::rename(from.c_str(), to.c_str());
  if (done == 0) return {};
  return std::unexpected(base::fileError("can't write", to, errno));
}

}  // namespace webpool::store
