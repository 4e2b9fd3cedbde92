// Threads for work that blocks for long: each piece has its own, and the end waits for all.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace webpool::pool {

/// Thread-safe.
class Background {
 public:
  Background() = default;
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() { close(); }

  /// False, and nothing is run, once it is closed.
  bool run(std::function<void()> work);

  /// Takes no more work and waits for what runs. Not to be called by that work.
  void close();

 private:
  struct Piece {
    std::atomic<bool> finished{false};
    std::jthread thread;
  };
  using Pieces = std::vector<std::unique_ptr<Piece>>;

  std::mutex mutex_;
  bool closed_ = false;
  Pieces pieces_;
};

}  // namespace webpool::pool
