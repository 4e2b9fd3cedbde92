// Where a target is written before it appears: a hidden folder beside it, which goes with its
// writer; what a dead one left goes with the next writer of the same target.
#pragma once

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/random.h"
#include "webpool/error.h"

namespace webpool::store {

class NewFolder {
 public:
  /// Busy while another writer of the same target lives.
  static Result<std::unique_ptr<NewFolder>> beside(const std::filesystem::path& target,
                                                   const base::RandomSource& random);
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  ~NewFolder();

  /// Does not exist at first.
  std::filesystem::path content() const { return path_ / "content"; }

 private:
  NewFolder(std::filesystem::path path, base::FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::filesystem::path path_;
  base::FileDescriptor lock_;  ///< flock(2) of the folder
};

}  // namespace webpool::store
