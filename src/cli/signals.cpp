#include "cli/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace webpool::cli {

SignalWatch::SignalWatch() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader that went away shows as an error of the write, not as our death with browsers left.
  signal(SIGPIPE, SIG_IGN);
  // So does a file that may not grow any further.
  signal(SIGXFSZ, SIG_IGN);
  const int signals = signalfd(-1, &set, SFD_CLOEXEC);
  event_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::jthread([this, signals] {
    pollfd fds[2] = {{signals, POLLIN, 0}, {event_, POLLIN, 0}};
    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
      if (fds[1].revents != 0) break;
      signalfd_siginfo info;
      if (fds[0].revents != 0 && read(signals, &info, sizeof(info)) == sizeof(info)) {
        const auto number = static_cast<int>(info.ssi_signo);
        if (number == SIGINT && taken()) continue;
        received_ = number;
        stop_.request_stop();
      }
    }
    close(signals);
  });
}

SignalWatch::~SignalWatch() {
  const std::uint64_t one = 1;
  if (write(event_, &one, sizeof(one)) == sizeof(one)) thread_.join();
  close(event_);
}

bool SignalWatch::taken() {
  const std::lock_guard lock(takeMutex_);
  return take_ && take_();
}

void SignalWatch::takeInterrupts(std::function<bool()> take) {
  const std::lock_guard lock(takeMutex_);
  take_ = std::move(take);
}

int SignalWatch::received() const {
  return received_;
}

}  // namespace webpool::cli
