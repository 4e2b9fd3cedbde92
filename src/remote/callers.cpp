#include "remote/callers.h"

#include <utility>

namespace webpool::remote {
namespace {

constexpr std::size_t kThreads = 64;

}  // namespace

bool Callers::run(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  waiting_.push_back(std::move(work));
  if (waiting_.size() > idle_ && threads_.size() < kThreads) {
    threads_.emplace_back([this] { serve(); });
  } else {
    changed_.notify_one();
  }
  return true;
}

void Callers::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    auto work = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds may be the last of its kind
    lock.lock();
  }
}

void Callers::close() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    threads = std::exchange(threads_, {});
  }
  changed_.notify_all();
  threads.clear();  // joins
}

}  // namespace webpool::remote
