// Files the way a crash-safe program needs them: owned descriptors, whole reads, and writes that
// are on the disk before they are visible.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "webpool/error.h"

namespace webpool::base {

/// Owns a file descriptor; closes it when destroyed.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  int release() noexcept;

 private:
  int fd_ = -1;
};

/// open(2) with O_CLOEXEC; errors name the path and the cause, ENOSPC is NoSpace, ENOENT NotFound.
Result<FileDescriptor> openFile(const std::filesystem::path& path, int flags, unsigned mode = 0644);

/// The error for a failed system call on a path: category from errno, message "what path: cause".
Error fileError(std::string_view what, const std::filesystem::path& path, int errnoValue);

/// The whole file; InvalidArgument when larger than `limit` bytes.
Result<std::string> readFile(const std::filesystem::path& path, std::uint64_t limit = 1ull << 30);

/// What somebody named as an input: as readFile(), but a folder, a device or a socket, which may
/// have no end, is InvalidInput by its name at once. So is a pipe unless `pipes`, which waits for
/// whoever writes to it, and a path with a NUL, at which the system would end it.
Result<std::string> readInput(const std::filesystem::path& path, std::uint64_t limit, bool pipes);

Result<void> writeAll(int fd, std::span<const std::byte> bytes, const std::filesystem::path& path);

/// Writes beside the target, fsyncs, renames over it, fsyncs the folder: after a crash the target
/// holds either the old or the new bytes, whole.
Result<void> writeFileAtomically(const std::filesystem::path& path, std::string_view contents,
                                 unsigned mode = 0644);

/// mkdir -p with mode 0700 for what it creates.
Result<void> makeFolders(const std::filesystem::path& path);

/// An exclusive flock(2) on a file, held while the object lives; Busy when another process has it.
class FileLock {
 public:
  static Result<FileLock> tryAcquire(const std::filesystem::path& path);

 private:
  explicit FileLock(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

}  // namespace webpool::base
