// How much memory a browser takes, with all its processes. Linux: /proc/<pid>/smaps_rollup.
#pragma once

#include <cstdint>

#include "browsers/process_table.h"
#include "webpool/error.h"

namespace webpool::browsers {

struct MemoryUse {
  /// The sum of the processes' proportional set sizes, in bytes: a page that n processes share
  /// counts as one n-th in each, so that the sum is what the machine would get back.
  std::uint64_t pss = 0;
  unsigned processes = 0;
};

/// Of one process, in bytes. NotFound when there is none (any more); Storage where it may not be
/// read.
Result<std::uint64_t> processPss(pid_t pid);

/// Of all processes of a browser. It reads /proc for each process of the machine (some
/// milliseconds). NotFound when the browser has no process; Storage when one may not be read.
Result<MemoryUse> memoryOf(const BrowserIdentity& identity);

}  // namespace webpool::browsers
