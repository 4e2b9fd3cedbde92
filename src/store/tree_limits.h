// How large a tree of folders may be: the same for what is imported, fetched, read and written.
#pragma once

#include <cstddef>
#include <cstdint>

#include "webpool/error.h"

namespace webpool::store {

/// Levels of entries below a root.
inline constexpr unsigned kMostLevels = 128;
/// By their paths: what lies in two folders counts twice.
inline constexpr std::size_t kMostEntries = 1'000'000;
/// Names may be long, and all names above an entry are in its path.
inline constexpr std::uint64_t kMostPathBytes = 128u << 20;

/// What lies below a root, counted by paths: what lies in two folders counts twice. Adds up to the
/// largest number at most.
struct TreeSize {
  std::uint64_t entries = 0;  ///< files, folders and all else, the root included
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;      ///< of the files
  std::uint64_t pathBytes = 0;  ///< of the paths of all entries together
  unsigned depth = 0;           ///< levels below the root

  /// Adds what lies below an entry with a name of that length.
  void add(const TreeSize& below, std::size_t nameBytes) noexcept;
  /// Over one of the limits.
  bool isTooMuch() const noexcept;
};

/// Unsupported, with the limits.
std::unexpected<Error> treeTooLarge();

}  // namespace webpool::store
