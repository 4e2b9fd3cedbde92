// Where webpool keeps its files (XDG base directories).
#pragma once

#include <filesystem>

#include "webpool/error.h"

namespace webpool::base {

/// A folder that the environment does not tell (no variable of its own, no HOME) is empty.
struct Paths {
  std::filesystem::path
      data;  ///< $WEBPOOL_DATA_DIR, $XDG_DATA_HOME/webpool, ~/.local/share/webpool
  std::filesystem::path cache;  ///< $WEBPOOL_CACHE_DIR, $XDG_CACHE_HOME/webpool, ~/.cache/webpool
  /// Where the pools of a user find each other, whatever folders each of them was given:
  /// $WEBPOOL_RUNTIME_DIR, $XDG_RUNTIME_DIR/webpool, or `running` in the folder that the cache has
  /// without $WEBPOOL_CACHE_DIR.
  std::filesystem::path runtime{};
};

/// Reads the environment; creates nothing.
Paths pathsFromEnvironment();

/// InvalidArgument with what to set when the folder is empty; call it before the folder is used.
/// Nothing is put in a folder such as /tmp instead, where other users could have made it first.
Result<void> checkFolder(const std::filesystem::path& folder);
/// The same for data and cache.
Result<void> checkFolders(const Paths& paths);

/// The folder from the root on, so that programs that run elsewhere find it too; empty stays empty.
std::filesystem::path absoluteFolder(const std::filesystem::path& folder);

}  // namespace webpool::base
