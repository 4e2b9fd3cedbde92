// The one thread that owns the pool's state, and timers on it. Other threads hand it work with
// post(); everything else here belongs to the loop thread.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "base/clock.h"

namespace boost::asio {
class io_context;
}

namespace webpool::net {

using Task = std::move_only_function<void()>;

/// A call that is due later; destroying or cancelling the handle takes the call back. May outlive
/// its loop. Loop thread only.
class Timer {
 public:
  struct State;

  Timer() = default;
  explicit Timer(std::shared_ptr<State> state) : state_(std::move(state)) {}
  Timer(Timer&& other) noexcept = default;
  Timer& operator=(Timer&& other) noexcept;
  ~Timer();

  /// The call does not happen after this returns.
  void cancel() noexcept;

  /// True until the call has begun or was cancelled.
  bool pending() const noexcept;

 private:
  std::shared_ptr<State> state_;
};

class EventLoop {
 public:
  EventLoop();
  /// What was posted and has not run is dropped, not run.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs tasks until stop(), also while there are none. The calling thread is the loop thread.
  /// What a task throws comes out of run(). Can be called again after it returned.
  void run();

  /// Makes run() return after the task that is running. Any thread, also before run().
  void stop();

  /// Runs the task on the loop thread, later, in the order of the calls. Any thread.
  void post(Task task);

  /// Runs the task at that time of the steady clock or soon after; at once when it is past. Loop
  /// thread, or before run().
  [[nodiscard]] Timer callAt(base::TimePoint when, Task task);
  [[nodiscard]] Timer callAfter(base::Duration delay, Task task);

  base::TimePoint now() const;

  /// True on the thread that is in run(), and on every thread while none is.
  bool onLoopThread() const noexcept;

  /// True on the thread that is in run() and on no other.
  bool runsHere() const noexcept;

  /// For the code inside src/net only.
  boost::asio::io_context& context() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace webpool::net
