// Facts of this machine that decide a browser's flags: may its sandbox be on, is there a GPU, is
// there enough shared memory.
#pragma once

#include <filesystem>
#include <string>

#include "browsers/environment.h"

namespace webpool::browsers {

struct MachineFacts {
  /// The browser's own sandbox stays on, except for root and in a container.
  bool sandbox = true;
  /// When it is off, or on but unlikely to start: one sentence that says so and why. Show it.
  std::string notice;
  bool gpu = false;                ///< a render node or an NVIDIA device is there
  bool smallSharedMemory = false;  ///< /dev/shm is missing or has less than 1 GiB free
};

/// `program` is the browser: its setuid sandbox helper lies beside it.
MachineFacts inspectMachine(const Environment& environment, const std::filesystem::path& program);

}  // namespace webpool::browsers
