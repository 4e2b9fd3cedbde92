// Threads for calls that wait for a server: as many as there are calls, up to a bound; further ones
// wait for one to be free.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace webpool::remote {

/// Thread-safe.
class Callers {
 public:
  Callers() = default;
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;
  ~Callers() { close(); }

  /// False, and nothing is run, once it is closed.
  bool run(std::function<void()> work);

  /// Takes no more, and waits until what was taken is done. Not to be called by that. Idempotent.
  void close();

 private:
  void serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::jthread> threads_;
  std::size_t idle_ = 0;
  bool closed_ = false;
};

}  // namespace webpool::remote
