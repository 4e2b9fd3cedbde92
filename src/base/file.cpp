#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace webpool::base {
namespace {

/// Whether the path still names the open file.
bool isAt(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat open{};
  struct stat named{};
  return ::fstat(file.get(), &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int FileDescriptor::release() noexcept {
  return std::exchange(fd_, -1);
}

Error fileError(std::string_view what, const std::filesystem::path& path, int errnoValue) {
  auto message = fmt::format("{} {}: {}", what, path.native(), std::strerror(errnoValue));
  switch (errnoValue) {
    case ENOENT:
      return {ErrorCategory::NotFound, std::move(message), "check the path"};
    case ENOSPC:
    case EDQUOT:
      return {ErrorCategory::NoSpace, std::move(message),
              "free space on that disk; nothing already stored is lost"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {ErrorCategory::Storage, std::move(message), "check the permissions of that path"};
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return {ErrorCategory::Storage, std::move(message), "choose another path"};
    default:
      return {ErrorCategory::Storage, std::move(message), ""};
  }
}

Result<FileDescriptor> openFile(const std::filesystem::path& path, int flags, unsigned mode) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return std::unexpected(fileError("can't open", path, errno));
  return FileDescriptor(fd);
}

Result<std::string> readFile(const std::filesystem::path& path, std::uint64_t limit) {
  auto file = openFile(path, O_RDONLY);
  if (!file) return std::unexpected(file.error());
  std::string contents;
  char buffer[1 << 16];
  while (true) {
    const auto got = ::read(file->get(), buffer, sizeof(buffer));
    if (got < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(fileError("can't read", path, errno));
    }
    if (got == 0) return contents;
    contents.append(buffer, static_cast<std::size_t>(got));
    if (contents.size() > limit) {
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("{} is larger than {} bytes", path.native(), limit),
                  "give a smaller file");
    }
  }
}

Result<std::string> readInput(const std::filesystem::path& path, std::uint64_t limit, bool pipes) {
  if (path.native().contains('\0')) {
    return fail(ErrorCategory::InvalidInput,
                fmt::format("a path has a NUL in it, after '{}'", path.c_str()),
                "leave it out: no path has one");
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return std::unexpected(fileError("can't open", path, errno));
  }
  const auto mode = status.st_mode;
  if (S_ISREG(mode) || (pipes && S_ISFIFO(mode))) return readFile(path, limit);
  const auto* kind = S_ISDIR(mode)    ? "a folder"
                     : S_ISFIFO(mode) ? "a pipe"
                     : S_ISSOCK(mode) ? "a socket"
                                      : "a device";
  return fail(ErrorCategory::InvalidInput, fmt::format("{} is {}, not a file", path.native(), kind),
              "give the path of a file, or what is in it");
}

Result<void> writeAll(int fd, std::span<const std::byte> bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(fileError("can't write", path, errno));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<void> writeFileAtomically(const std::filesystem::path& path, std::string_view contents,
                                 unsigned mode) {
  auto temporary = path;
  temporary += fmt::format(".{}.tmp", ::getpid());
  auto file = openFile(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode);
  if (!file) return std::unexpected(file.error());
  auto written = writeAll(file->get(), std::as_bytes(std::span(contents)), temporary);
  if (written && ::fsync(file->get()) != 0) {
    written = std::unexpected(fileError("can't flush", temporary, errno));
  }
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = std::unexpected(fileError("can't rename to", path, errno));
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  auto folder = path.parent_path();
  if (folder.empty()) folder = ".";
  auto directory = openFile(folder, O_RDONLY | O_DIRECTORY);
  if (!directory) return std::unexpected(directory.error());
  if (::fsync(directory->get()) != 0) {
    return std::unexpected(fileError("can't flush", folder, errno));
  }
  return {};
}

Result<void> makeFolders(const std::filesystem::path& path) {
  std::error_code unknown;  // a folder that can't be looked at is told by mkdir
  if (path.empty() || std::filesystem::is_directory(path, unknown)) return {};
  if (const auto parent = path.parent_path(); parent != path) {
    if (auto made = makeFolders(parent); !made) return made;
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return std::unexpected(fileError("can't create folder", path, errno));
  }
  if (!std::filesystem::is_directory(path, unknown)) {
    return std::unexpected(fileError("can't create folder", path, ENOTDIR));
  }
  return {};
}

Result<FileLock> FileLock::tryAcquire(const std::filesystem::path& path) {
  constexpr unsigned kMostTries = 100;  // each time another process was in between
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    auto file = openFile(path, O_RDWR | O_CREAT);
    if (!file) return std::unexpected(file.error());
    if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return fail(ErrorCategory::Busy,
                    fmt::format("{} is held by another process", path.native()));
      }
      return std::unexpected(fileError("can't lock", path, errno));
    }
    // Whoever held it before may have deleted it meanwhile: a lock on that keeps nobody out.
    if (isAt(*file, path)) return FileLock(std::move(*file));
  }
  return fail(ErrorCategory::Busy, fmt::format("{} is deleted again and again", path.native()));
}

}  // namespace webpool::base
