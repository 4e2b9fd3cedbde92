// Tells the loop when a process ends.
#pragma once

#include <functional>
#include <thread>

#include "base/file.h"
#include "net/event_loop.h"

namespace webpool::pool {

/// Waits in a thread of its own for a pidfd to become readable, then posts `ended` to the loop.
/// Destroying it takes the call back if it has not been posted. The loop must outlive it.
class ProcessWatch {
 public:
  /// `pidfd` is duplicated.
  ProcessWatch(net::EventLoop& loop, int pidfd, std::function<void()> ended);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

 private:
  base::FileDescriptor pidfd_;
  base::FileDescriptor wake_;
  std::jthread thread_;
};

}  // namespace webpool::pool
