#include "cli/line_writer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <tuple>
#include <utility>

namespace webpool::cli {

LineWriter::LineWriter(int fd, Bounds bounds)
    : fd_(fd), bounds_(bounds), wake_(::eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}

LineWriter::~LineWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  const std::uint64_t one = 1;
  if (wake_ >= 0) std::ignore = ::write(wake_, &one, sizeof one);
  thread_.join();
  if (wake_ >= 0) ::close(wake_);
}

bool LineWriter::write(std::string_view entry, Notice notice) {
  {
    const std::lock_guard lock(mutex_);
    if (readerGone_) return false;
    if (waiting_.size() + sending_ + entry.size() > bounds_.bytes) {
      ++leftOut_;
      return false;
    }
    if (leftOut_ > 0) waiting_ += notice(std::exchange(leftOut_, 0));
    waiting_ += entry;
  }
  changed_.notify_all();
  return true;
}

void LineWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto bytes = std::exchange(waiting_, {});
    sending_ = bytes.size();
    lock.unlock();
    const bool sent = send(bytes);
    lock.lock();
    sending_ = 0;
    if (sent) continue;
    readerGone_ = true;
    waiting_.clear();
  }
}

bool LineWriter::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!writable()) return false;
    // A pipe that can take anything takes so much without making the writer wait.
    const auto written = ::write(fd_, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool LineWriter::writable() {
  std::array<pollfd, 2> both{{{fd_, POLLOUT, 0}, {wake_, POLLIN, 0}}};
  while (true) {
    const int ready = ::poll(both.data(), both.size(), -1);
    if (ready < 0 && errno != EINTR) return false;
    // An error is the write's to tell.
    if (ready > 0 && both[0].revents != 0) return true;
    if (ready > 0 && both[1].revents != 0) break;
  }
  pollfd last = both[0];
  return ::poll(&last, 1, static_cast<int>(bounds_.patience.count())) > 0;
}

}  // namespace webpool::cli
