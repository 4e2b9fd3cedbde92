// Reads members of a zip archive (a Maven jar, a Python wheel): stored and deflated ones, every
// length checked against the archive's size. No encryption, no Zip64, no archives in parts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "webpool/error.h"

namespace webpool::store {

struct ZipEntry {
  std::string name;
  std::uint16_t method = 0;  ///< 0 stored, 8 deflated
  std::uint32_t crc32 = 0;
  std::uint64_t packedSize = 0;
  std::uint64_t size = 0;
  std::uint64_t headerOffset = 0;
};

/// Not thread-safe.
class ZipArchive {
 public:
  /// Integrity for what is no zip archive or is cut off; Unsupported for Zip64.
  static Result<ZipArchive> open(const std::filesystem::path& path);

  const std::vector<ZipEntry>& entries() const noexcept { return entries_; }

  /// Writes one member to the new file `target`. NotFound when there is none of that name;
  /// Integrity when its bytes don't fit its size or checksum.
  Result<void> extract(std::string_view name, const std::filesystem::path& target) const;

 private:
  ZipArchive(std::filesystem::path path, base::FileDescriptor file, std::uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}
  Result<void> readDirectory();
  Result<std::string> readAt(std::uint64_t offset, std::uint64_t length) const;
  std::unexpected<Error> damaged(std::string_view what) const;

  std::filesystem::path path_;
  base::FileDescriptor file_;
  std::uint64_t size_ = 0;
  std::vector<ZipEntry> entries_;
};

}  // namespace webpool::store
