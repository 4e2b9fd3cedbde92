// Heavy work (hashing, import) off the loop thread, its result back on it.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "net/event_loop.h"
#include "webpool/error.h"

namespace webpool::net {

/// A fixed number of threads and a bounded queue. Made, used and destroyed on the loop thread (or
/// while the loop does not run); the loop must outlive it.
class WorkerThreads {
 public:
  WorkerThreads(EventLoop& loop, unsigned threads, std::size_t maxQueued = 1024);
  /// Drops what has not begun, waits for what has. No result is delivered after that.
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  /// Runs work() on one of the threads, then done(result) on the loop thread (done() for a work
  /// that returns nothing). Busy when the queue is full: nothing was taken then. What work throws
  /// comes out of the loop's run().
  template <class Work, class Done>
  Result<void> run(Work work, Done done) {
    using Value = std::invoke_result_t<Work&>;
    if constexpr (std::is_void_v<Value>) {
      return submit([work = std::move(work)]() mutable { work(); }, std::move(done));
    } else {
      auto slot = std::make_shared<std::optional<Value>>();
      return submit([slot, work = std::move(work)]() mutable { slot->emplace(work()); },
                    [slot, done = std::move(done)]() mutable { done(std::move(**slot)); });
    }
  }

  /// Taken and not yet begun.
  std::size_t queued() const;

 private:
  struct Shared;
  Result<void> submit(Task work, Task done);
  std::shared_ptr<Shared> shared_;
};

}  // namespace webpool::net
