#include "browsers/child_process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

namespace webpool::browsers {
namespace {

using Milliseconds = std::chrono::milliseconds;

/// poll(2) on one descriptor for POLLIN until `end`.
bool pollUntil(int fd, std::chrono::steady_clock::time_point end) {
  while (true) {
    const auto left =
        std::chrono::ceil<Milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd entry{fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

std::string ExitStatus::text() const {
  if (!bySignal) return fmt::format("exited with code {}", code);
  return fmt::format("was killed by signal {} ({})", code, ::strsignal(code));
}

std::optional<ExitStatus> ChildProcess::exitStatus() {
  if (status_ || !pidfd_.valid()) return status_;
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd_.get());
  if (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    // Someone else reaped it (SIGCHLD ignored): ended, how is lost.
    if (errno == ECHILD && pollUntil(pidfd_.get(), {})) status_ = ExitStatus{};
    return status_;
  }
  if (info.si_pid == 0) return std::nullopt;
  status_ = ExitStatus{info.si_code != CLD_EXITED, info.si_status};
  return status_;
}

std::optional<ExitStatus> ChildProcess::waitFor(Milliseconds limit) {
  if (!status_ && pidfd_.valid()) {
    pollUntil(pidfd_.get(), std::chrono::steady_clock::now() + limit);
  }
  return exitStatus();
}

void ChildProcess::reap() {
  if (!pidfd_.valid() || !exitStatus()) return;
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG);
}

void ChildProcess::signal(int number) noexcept {
  if (pidfd_.valid()) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

bool hasEnded(const base::FileDescriptor& pidfd) {
  return pollUntil(pidfd.get(), {});
}

bool waitForAll(const std::vector<base::FileDescriptor>& pidfds, Milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  return std::ranges::all_of(pidfds,
                             [&](const auto& pidfd) { return pollUntil(pidfd.get(), end); });
}

}  // namespace webpool::browsers
