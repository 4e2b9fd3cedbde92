#include "browsers/process_end.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

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

/// One that is in the middle of its exec shows neither command line nor environment, for less than
/// a millisecond: it is looked at again. Kernel threads are children of process 2.
bool mayBecome(const BrowserIdentity& identity, const ProcessEntry& entry) {
  constexpr pid_t kKernel = 2;
  return !entry.ended && entry.commandLine.empty() && entry.environment.empty() &&
         entry.startTime >= identity.startTime && entry.parent != kKernel && entry.pid != kKernel;
}

constexpr int kMostLooks = 50;  // at one that stays like that
constexpr std::chrono::milliseconds kBetweenLooks{1};

}  // namespace

Result<unsigned> endProcesses(const BrowserIdentity& identity, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  unsigned ended = 0;
  int looks = 0;
  while (true) {
    std::vector<base::FileDescriptor> pidfds;
    pid_t last = 0;
    const auto table = readProcessTable();
    for (const auto& entry : processesOf(identity, table)) {
      auto pidfd = openProcess(entry);
      if (!pidfd.valid()) continue;
      if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) == 0) ++ended;
      pidfds.push_back(std::move(pidfd));
      last = entry.pid;
    }
    if (pidfds.empty()) {
      const bool unsure = std::ranges::any_of(
          table, [&](const ProcessEntry& entry) { return mayBecome(identity, entry); });
      if (!unsure || ++looks > kMostLooks) return ended;
      std::this_thread::sleep_for(kBetweenLooks);
      continue;
    }
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
