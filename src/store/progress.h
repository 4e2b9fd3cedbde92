// How long-running calls of the store report and are stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace webpool::store {

struct Progress {
  enum class Phase {
    Import,
    Keep,  ///< what was imported is put in its place: the bytes are counted once more
    Verify,
    Fetch,
    Wait,
  };
  Phase phase = Phase::Import;
  std::string item;         ///< a file's path, or the package that is fetched
  std::uint64_t done = 0;   ///< bytes of all items so far
  std::uint64_t total = 0;  ///< bytes of all items; 0 where unknown
};

/// Called on the thread that made the call, never after it returned; must not throw.
using ProgressCallback = std::function<void(const Progress&)>;

struct JobOptions {
  ProgressCallback progress;
  std::stop_token stop;  ///< a request to stop ends the call soon with category Cancelled
};

}  // namespace webpool::store
