// A child of this process, held by a pidfd: it can't be mistaken for another process that got the
// same number later.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace webpool::browsers {

struct ExitStatus {
  bool bySignal = false;
  int code = 0;  ///< exit code, or the signal's number

  /// "exited with code 13", "was killed by signal 9 (Killed)"
  std::string text() const;
};

/// Not thread-safe. Destroying it neither ends nor reaps the child.
class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(pid_t pid, base::FileDescriptor pidfd, std::uint64_t startTime)
      : pid_(pid), pidfd_(std::move(pidfd)), startTime_(startTime) {}

  pid_t pid() const noexcept { return pid_; }

  /// Becomes readable when the process has ended; owned by this object.
  int pidfd() const noexcept { return pidfd_.get(); }

  /// Clock ticks since boot, as in /proc/<pid>/stat: names the process together with its pid.
  std::uint64_t startTime() const noexcept { return startTime_; }

  /// How it ended; nullopt while it runs. Never blocks. Does not reap: its number, and that of the
  /// session it leads, stay its own until reap().
  std::optional<ExitStatus> exitStatus();

  /// Waits up to `limit` for the end, then as exitStatus().
  std::optional<ExitStatus> waitFor(std::chrono::milliseconds limit);

  /// Frees the number of a child that has ended; nothing while it runs.
  void reap();

  /// Sends a signal to this process only; nothing when it has ended.
  void signal(int number) noexcept;

 private:
  pid_t pid_ = -1;
  base::FileDescriptor pidfd_;
  std::uint64_t startTime_ = 0;
  std::optional<ExitStatus> status_;
};

/// The process is gone with all its threads, though perhaps not reaped.
bool hasEnded(const base::FileDescriptor& pidfd);

/// Waits until the process of every pidfd has ended; false when `limit` passed first.
bool waitForAll(const std::vector<base::FileDescriptor>& pidfds, std::chrono::milliseconds limit);

}  // namespace webpool::browsers
