// A file that is put together from its leaves, in any order, and gone on with after a kill.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "cid/cid.h"

namespace webpool::sources {

/// Leaf i is bytes [i MiB, i + 1 MiB). What is there is found by hashing it, so nothing about it
/// is kept beside it.
class PartialFile {
 public:
  PartialFile(std::filesystem::path path, std::uint64_t size, std::span<const cid::Cid> leaves)
      : path_(std::move(path)), size_(size), leaves_(leaves) {}

  /// Which leaves the disk holds already, of an earlier attempt. Reads all that is there. A file
  /// that has another name as well is not ours to write to, and begun anew.
  Result<std::vector<bool>> findHeld(const std::stop_token& stop);

  /// Writes a leaf, which was checked. Thread-safe. NoSpace, Storage.
  Result<void> write(std::size_t leaf, std::string_view bytes) const;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  std::uint64_t size_;
  std::span<const cid::Cid> leaves_;
};

}  // namespace webpool::sources
