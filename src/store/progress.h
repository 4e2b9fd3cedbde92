// How long-running calls of the store report and are stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

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

/// A phase as a person reads it: what happens to an item. Empty for none of them.
constexpr std::string_view phaseName(Progress::Phase phase) noexcept {
  switch (phase) {  // without a default, so that the compiler names one that is missing
    case Progress::Phase::Import:
      return "import";
    case Progress::Phase::Keep:
      return "keep";
    case Progress::Phase::Verify:
      return "verify";
    case Progress::Phase::Fetch:
      return "download";
    case Progress::Phase::Wait:
      return "wait for";
  }
  return {};
}

/// Called on the thread that made the call, never after it returned; must not throw.
using ProgressCallback = std::function<void(const Progress&)>;

struct JobOptions {
  ProgressCallback progress;
  std::stop_token stop;  ///< a request to stop ends the call soon with category Cancelled
};

}  // namespace webpool::store
