#include "pool/process_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace webpool::pool {

ProcessWatch::ProcessWatch(net::EventLoop& loop, int pidfd, std::function<void()> ended)
    : pidfd_(fcntl(pidfd, F_DUPFD_CLOEXEC, 0)), wake_(eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::jthread([this, &loop, ended = std::move(ended)]() mutable {
    pollfd fds[2] = {{pidfd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR) {
    }
    if (fds[1].revents == 0 && fds[0].revents != 0) loop.post(std::move(ended));
  });
}

ProcessWatch::~ProcessWatch() {
  const std::uint64_t one = 1;
  // An eventfd that holds 0 always takes a 1.
  if (write(wake_.get(), &one, sizeof(one)) == sizeof(one)) thread_.join();
}

}  // namespace webpool::pool
