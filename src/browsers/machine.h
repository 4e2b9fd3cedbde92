// Facts of this machine that decide a browser's flags: may its sandbox be on, which GPU is there,
// is there enough shared memory. Linux: read from /proc, /sys and /dev.
#pragma once

#include <filesystem>
#include <string>

#include "browsers/environment.h"

namespace webpool::browsers {

struct Browser;

/// What a browser's own sandbox needs, and so where it has to be off.
enum class SandboxRule {
  Chromium,    ///< off for root and in a container
  Bubblewrap,  ///< the same, by bwrap and user namespaces (WebKitGTK)
  AlwaysOn,    ///< works for root and in a container too (Firefox)
};

struct MachineFacts {
  /// The browser's own sandbox stays on.
  bool sandbox = true;
  /// When it is off, or on but unlikely to start: one sentence that says so and why. Show it.
  std::string notice;
  bool gpu = false;                ///< a render node or an NVIDIA device is there
  std::string gpuName;             ///< "NVIDIA H100", "Intel (i915, 8086:9a49)"; "" without a GPU
  bool smallSharedMemory = false;  ///< /dev/shm is missing or has less than 1 GiB free
};

/// `program` is the browser: its setuid sandbox helper lies beside it.
MachineFacts inspectMachine(const Environment& environment, const std::filesystem::path& program,
                            SandboxRule rule = SandboxRule::Chromium);

/// The same, by the rule of that browser's kind.
MachineFacts inspectMachineFor(const Environment& environment, const Browser& browser);

}  // namespace webpool::browsers
