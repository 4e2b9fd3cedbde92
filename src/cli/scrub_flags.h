// --scrub-rate and --no-scrub.
#pragma once

#include <cstdint>

namespace CLI {
class App;
}

namespace webpool::cli {

struct ScrubFlags {
  bool off = false;
  std::uint64_t rate = 8'000'000;  ///< bytes a second

  void addTo(CLI::App& command);
};

}  // namespace webpool::cli
