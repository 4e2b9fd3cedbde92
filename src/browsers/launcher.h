// Starts child processes that can't outlive this one. The kernel ends each when the thread that
// forked it ends (PR_SET_PDEATHSIG), so all are forked by one thread that lives as long as the
// Launcher.
#pragma once

#include <memory>

#include "browsers/child_process.h"
#include "browsers/spawn.h"
#include "webpool/error.h"

namespace webpool::browsers {

/// Thread-safe. Must outlive the children: destroying it ends those that still run (SIGKILL by the
/// kernel), as does any end of this process.
class Launcher {
 public:
  Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;
  ~Launcher();

  /// spawnHere() in the launcher's thread.
  Result<ChildProcess> spawn(const SpawnPlan& plan);

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace webpool::browsers
