// A folder of the downloads that one program works in at a time, and that goes when it is done.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>

#include "base/file.h"
#include "webpool/error.h"

namespace webpool::sources {

/// Nobody else uses the folder while this lives; what is in it stays, unless remove() is called.
class LockedFolder {
 public:
  /// Makes the folder where it isn't there. Waits for whoever has it: the other one may remove it
  /// then, and a new one takes its place. `onWait` is called once if it has to wait. Cancelled;
  /// what makeFolders() gives.
  static Result<LockedFolder> open(std::filesystem::path path, const std::stop_token& stop,
                                   const std::function<void()>& onWait = {});

  const std::filesystem::path& path() const noexcept { return path_; }

  /// Deletes it with all that is in it, and lets go of it. Nothing that another one has put into
  /// its new folder of that name is touched.
  void remove() &&;

 private:
  LockedFolder(std::filesystem::path path, base::FileLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::filesystem::path path_;
  base::FileLock lock_;
};

}  // namespace webpool::sources
