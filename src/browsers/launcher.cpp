#include "browsers/launcher.h"

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

namespace webpool::browsers {

class Launcher::Thread {
 public:
  Thread() : thread_([this] { work(); }) {}
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  ~Thread() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  Result<ChildProcess> spawn(const SpawnPlan& plan) {
    Task task([&plan] { return spawnHere(plan); });
    auto result = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
    return result.get();
  }

 private:
  using Task = std::packaged_task<Result<ChildProcess>()>;

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool ending_ = false;
  std::thread thread_;
};

Launcher::Launcher() : thread_(std::make_unique<Thread>()) {}
Launcher::~Launcher() = default;

Result<ChildProcess> Launcher::spawn(const SpawnPlan& plan) {
  return thread_->spawn(plan);
}

}  // namespace webpool::browsers
