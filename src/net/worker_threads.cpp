#include "net/worker_threads.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace webpool::net {

struct WorkerThreads::Shared {
  struct Job {
    Task work;
    Task done;
  };

  EventLoop& loop;
  std::size_t maxQueued;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> jobs;
  bool stopping = false;
  bool delivering = true;  // loop thread only
  std::vector<std::thread> threads;

  void work(const std::shared_ptr<Shared>& self) {
    while (true) {
      Job job;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return stopping || !jobs.empty(); });
        if (stopping) return;
        job = std::move(jobs.front());
        jobs.pop_front();
      }
      std::exception_ptr failure;
      try {
        job.work();
      } catch (...) {
        failure = std::current_exception();
      }
      // Whatever the work owns ends here, before the loop learns that it is done.
      job.work = nullptr;
      loop.post([self, failure, done = std::move(job.done)]() mutable {
        if (!self->delivering) return;
        if (failure) std::rethrow_exception(failure);
        done();
      });
    }
  }
};

WorkerThreads::WorkerThreads(EventLoop& loop, unsigned threads, std::size_t maxQueued)
    : shared_(std::make_shared<Shared>(loop, maxQueued)) {
  for (unsigned i = 0; i < std::max(threads, 1u); ++i) {
    shared_->threads.emplace_back([self = shared_.get(), shared = shared_] { self->work(shared); });
  }
}

WorkerThreads::~WorkerThreads() {
  std::deque<Shared::Job> dropped;
  shared_->delivering = false;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    dropped.swap(shared_->jobs);
  }
  shared_->wake.notify_all();
  for (auto& thread : shared_->threads) thread.join();
}

std::size_t WorkerThreads::queued() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->jobs.size();
}

Result<void> WorkerThreads::submit(Task work, Task done) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->jobs.size() >= shared_->maxQueued) {
      return fail(ErrorCategory::Busy,
                  "the queue of background work is full (" + std::to_string(shared_->maxQueued) +
                      " waiting)",
                  "try again when some of it is done");
    }
    shared_->jobs.push_back({std::move(work), std::move(done)});
  }
  shared_->wake.notify_one();
  return {};
}

}  // namespace webpool::net
