#include "net/event_loop.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

namespace webpool::net {

namespace asio = boost::asio;

// The loop's handler keeps the state alive; the asio timer inside is taken out when the call is
// made, cancelled, or the loop ends, so that a handle may outlive the loop.
struct Timer::State {
  std::optional<asio::steady_timer> timer;
  Task task;

  void release() noexcept {
    timer.reset();
    task = nullptr;
  }
};

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}

Timer::~Timer() {
  cancel();
}

void Timer::cancel() noexcept {
  if (const auto state = std::exchange(state_, nullptr)) state->release();
}

bool Timer::pending() const noexcept {
  return state_ && state_->task != nullptr;
}

struct EventLoop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::atomic<std::thread::id> runner;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
  struct Running {
    std::atomic<std::thread::id>& runner;
    ~Running() { runner = std::thread::id(); }
  };
  const Running running{impl_->runner};
  impl_->runner = std::this_thread::get_id();
  impl_->context.run();
  impl_->context.restart();
}

void EventLoop::stop() {
  impl_->context.stop();
}

void EventLoop::post(Task task) {
  asio::post(impl_->context, std::move(task));
}

Timer EventLoop::callAt(base::TimePoint when, Task task) {
  auto state = std::make_shared<Timer::State>();
  state->task = std::move(task);
  state->timer.emplace(impl_->context, when);
  // Ends with the io_context where nobody waits: its destructor destroys this handler, and with it
  // the timer, while the services still live.
  struct Handler {
    std::shared_ptr<Timer::State> state;
    explicit Handler(std::shared_ptr<Timer::State> s) : state(std::move(s)) {}
    Handler(Handler&&) noexcept = default;
    Handler& operator=(Handler&&) = delete;
    ~Handler() {
      if (state) state->release();
    }
    void operator()(const boost::system::error_code& error) {
      auto fired = std::exchange(state, nullptr);
      auto work = std::exchange(fired->task, nullptr);
      fired->release();
      if (!error && work) work();
    }
  };
  state->timer->async_wait(Handler(state));
  return Timer(std::move(state));
}

Timer EventLoop::callAfter(base::Duration delay, Task task) {
  return callAt(now() + delay, std::move(task));
}

base::TimePoint EventLoop::now() const {
  return std::chrono::steady_clock::now();
}

bool EventLoop::onLoopThread() const noexcept {
  const auto runner = impl_->runner.load();
  return runner == std::thread::id() || runner == std::this_thread::get_id();
}

bool EventLoop::runsHere() const noexcept {
  return impl_->runner.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

asio::io_context& EventLoop::context() noexcept {
  return impl_->context;
}

}  // namespace webpool::net
