#include "browsers/process_end.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include <fmt/format.h>

#include "browsers/child_process.h"

namespace webpool::browsers {
namespace {

/// A pidfd of exactly that process; invalid when it has ended, with all its threads.
base::FileDescriptor openProcess(const ProcessEntry& entry) {
  base::FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, entry.pid, 0)));
  if (!pidfd.valid()) return pidfd;
  const auto now = readProcess(entry.pid);
  if (!now || now->startTime != entry.startTime || hasEnded(pidfd)) return {};
  return pidfd;
}

}  // namespace

Result<unsigned> endProcesses(const BrowserIdentity& identity, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  unsigned ended = 0;
  while (true) {
    std::vector<base::FileDescriptor> pidfds;
    pid_t last = 0;
    for (const auto& entry : processesOf(identity, readProcessTable())) {
      auto pidfd = openProcess(entry);
      if (!pidfd.valid()) continue;
      if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) == 0) ++ended;
      pidfds.push_back(std::move(pidfd));
      last = entry.pid;
    }
    if (pidfds.empty()) return ended;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !waitForAll(pidfds, left)) {
      return fail(
          ErrorCategory::Internal,
          fmt::format("{} process(es) of a browser do not end, {} is one", pidfds.size(), last),
          fmt::format("look at it with: ps -fp {}", last));
    }
  }
}

}  // namespace webpool::browsers
