#include "sched/thread_bound.h"

#include <algorithm>
#include <utility>

namespace webpool::sched {

unsigned threadsOf(const RunPlace& place) noexcept {
  const bool mayBeHardware = place.backend == Backend::WebGpu || place.backend == Backend::WebNn;
  return place.hardware && mayBeHardware ? 0 : std::max(place.threads, 1u);
}

ThreadBound::ThreadBound(unsigned cores) : bound_(std::max(cores, 1u)) {}

void ThreadBound::setBound(unsigned cores) {
  bound_ = std::max(cores, 1u);
  startWaiting();
}

std::uint64_t ThreadBound::takePeak() noexcept {
  return std::exchange(peak_, inUse_);
}

bool ThreadBound::fits(unsigned threads) const noexcept {
  return threads == 0 || inUse_ == 0 || inUse_ + threads <= bound_;
}

void ThreadBound::begin(JobId job, unsigned threads) {
  running_.emplace(job, threads);
  inUse_ += threads;
  peak_ = std::max(peak_, inUse_);
}

bool ThreadBound::tryBegin(JobId job, unsigned threads) {
  if (threads == 0 || (waiting_.empty() && fits(threads))) {
    begin(job, threads);
    return true;
  }
  waiting_.push_back({job, threads});
  return false;
}

void ThreadBound::end(JobId job) {
  const auto entry = running_.find(job);
  if (entry == running_.end()) return;
  inUse_ -= entry->second;
  running_.erase(entry);
  std::erase(started_, job);
  startWaiting();
}

void ThreadBound::leave(JobId job) {
  if (std::erase_if(waiting_, [job](const Waiter& waiter) { return waiter.job == job; }) > 0) {
    return startWaiting();
  }
  end(job);
}

void ThreadBound::startWaiting() {
  while (!waiting_.empty() && fits(waiting_.front().threads)) {
    const auto waiter = waiting_.front();
    waiting_.pop_front();
    begin(waiter.job, waiter.threads);
    started_.push_back(waiter.job);
  }
}

std::vector<JobId> ThreadBound::takeStarted() {
  return std::exchange(started_, {});
}

}  // namespace webpool::sched
