#include "api/workers.h"

#include <utility>

namespace webpool::api {

Workers::Workers(unsigned threads, std::size_t mostQueued)
    : threads_(threads), mostQueued_(mostQueued) {}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (auto& thread : running_) thread.join();
}

bool Workers::run(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_ || queue_.size() >= mostQueued_) return false;
    queue_.push_back(std::move(work));
    if (running_.empty()) {
      for (unsigned i = 0; i < threads_; ++i) running_.emplace_back([this] { serve(); });
    }
  }
  changed_.notify_one();
  return true;
}

void Workers::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds is let go of without the lock
    lock.lock();
  }
}

}  // namespace webpool::api
