// Ctrl-C, SIGTERM, SIGHUP and SIGQUIT as a stop token, so that a command ends by its ordinary path
// and every browser with it. For a core file send SIGABRT.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace webpool::cli {

/// Blocks the signals in the calling thread (and so in every thread started after) and waits for
/// them in one of its own. Make it first in main(). A second signal changes nothing: the clean-up
/// is bounded by itself.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  /// The signal that came, 0 if none did.
  int received() const;
  /// Ctrl-C is asked of `take` first, which says whether that was all it was for; null: of nobody.
  /// Called on the watch's own thread; once this returns, what was set before is called no more.
  void takeInterrupts(std::function<bool()> take);

 private:
  bool taken();

  std::stop_source stop_;
  std::jthread thread_;
  int event_ = -1;
  std::atomic<int> received_{0};
  std::mutex takeMutex_;
  std::function<bool()> take_;
};

}  // namespace webpool::cli
