// Many small files brought to the disk at once: an fsync(2) for each costs more than copying it.
#pragma once

#include <filesystem>
#include <vector>

#include "base/file.h"
#include "webpool/error.h"

namespace webpool::store {

class GroupFlush {
 public:
  /// All files will lie on the disk of `folder`. Made before they are written, so that no error of
  /// writing them stays unseen.
  explicit GroupFlush(const std::filesystem::path& folder);

  void add(std::filesystem::path file) { files_.push_back(std::move(file)); }

  /// When this returns, the contents of all files survive a crash of the machine.
  Result<void> run();

 private:
  bool flushWholeDisk() const;

  base::FileDescriptor folder_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace webpool::store
