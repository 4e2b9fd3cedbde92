// Threads for what blocks or takes long, off the loop thread: whole transcriptions, large bodies.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace webpool::api {

/// A bounded queue and a fixed number of threads, which start with the first work. Thread-safe.
class Workers {
 public:
  Workers(unsigned threads, std::size_t mostQueued);
  /// Does what is queued first: whoever waits for it gets an answer, soon where it is told to stop.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// False when the queue is full; then `work` was not taken. It must not throw.
  bool run(std::function<void()> work);

 private:
  void serve();

  const unsigned threads_;
  const std::size_t mostQueued_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool ending_ = false;
  std::vector<std::thread> running_;
};

}  // namespace webpool::api
