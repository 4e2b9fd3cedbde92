// How much room a disk has.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "webpool/error.h"

namespace webpool::store {

/// Bytes that this process may still write to the disk of that folder; nullopt where it can't be
/// told.
std::optional<std::uint64_t> freeBytes(const std::filesystem::path& folder);

/// NoSpace where `what` needs more than the disk of that folder has free. Before anything is
/// written: a block may claim any size.
Result<void> checkRoom(const std::filesystem::path& folder, std::uint64_t bytes,
                       std::string_view what);

/// Whether the file system lets two files share their bytes, so that copies may take no room.
bool canShareBytes(const std::filesystem::path& folder);

/// Room beside the index that is given up when the disk is full: reading the index needs some, and
/// so does removing what fills the disk. The file is made again when the store is closed.
class SpaceReserve {
 public:
  /// `index`: the index's file, after which the reserve has its size.
  SpaceReserve(std::filesystem::path file, std::filesystem::path index)
      : file_(std::move(file)), index_(std::move(index)) {}
  SpaceReserve(const SpaceReserve&) = delete;
  SpaceReserve& operator=(const SpaceReserve&) = delete;
  ~SpaceReserve();

  /// To be called before the index is opened.
  void giveUpWhereFull();
  /// Makes it where there is plenty of room.
  void make();

 private:
  std::uint64_t wanted() const;

  std::filesystem::path file_;
  std::filesystem::path index_;
  bool givenUp_ = false;
};

}  // namespace webpool::store
