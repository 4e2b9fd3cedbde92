// Lines to a file descriptor that may be read slowly, or no longer: who writes one never waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace webpool::cli {

/// Writes from a thread of its own, in order. What nobody reads is kept up to a bound; beyond it
/// whole entries are left out, and once there is room again a line says how many. Thread-safe.
class LineWriter {
 public:
  struct Bounds {
    std::size_t bytes = 4u << 20;  ///< that wait at most
    /// How long the end waits for a reader that takes nothing more.
    std::chrono::milliseconds patience{2000};
  };

  /// `fd` stays the caller's, and open for as long as this lives.
  LineWriter(int fd, Bounds bounds);
  explicit LineWriter(int fd) : LineWriter(fd, {}) {}
  /// Writes what waits.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// `entry`: one line or several, each with its end. `notice` makes the line about what was left
  /// out from the number of entries.
  using Notice = std::string (*)(std::size_t entries);
  /// False when it was left out, or nobody reads any more.
  bool write(std::string_view entry, Notice notice);

 private:
  void run();
  /// False when the reader is gone, or takes nothing though the end has come.
  bool send(std::string_view bytes);
  bool writable();

  const int fd_;
  const Bounds bounds_;
  int wake_ = -1;  ///< an eventfd: the end has come
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;
  std::size_t sending_ = 0;  ///< bytes that the thread holds
  std::size_t leftOut_ = 0;
  bool ending_ = false;
  bool readerGone_ = false;
  std::thread thread_;
};

}  // namespace webpool::cli
