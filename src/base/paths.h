// Where webpool keeps its files (XDG base directories).
#pragma once

#include <filesystem>

namespace webpool::base {

struct Paths {
  std::filesystem::path
      data;  ///< $WEBPOOL_DATA_DIR, $XDG_DATA_HOME/webpool, ~/.local/share/webpool
  std::filesystem::path cache;  ///< $WEBPOOL_CACHE_DIR, $XDG_CACHE_HOME/webpool, ~/.cache/webpool
};

/// Reads the environment; creates nothing.
Paths pathsFromEnvironment();

}  // namespace webpool::base
