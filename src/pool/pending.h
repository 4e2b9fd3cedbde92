// A result that one thread waits for and another brings.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "webpool/error.h"

namespace webpool::pool {

/// Shared by both sides through a shared_ptr. The first set() counts. Thread-safe.
template <class T>
class Pending {
 public:
  void set(Result<T> result) {
    {
      const std::lock_guard lock(mutex_);
      if (!result_) result_.emplace(std::move(result));
    }
    ready_.notify_all();
  }

  /// The result; Cancelled when a stop is requested first, Timeout when the deadline passes first.
  /// To be taken once.
  Result<T> wait(const std::stop_token& stop, std::optional<base::TimePoint> deadline = {}) {
    std::unique_lock lock(mutex_);
    const auto there = [this] { return result_.has_value(); };
    if (deadline) {
      ready_.wait_until(lock, stop, *deadline, there);
    } else {
      ready_.wait(lock, stop, there);
    }
    if (result_) return std::move(*result_);
    if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "interrupted");
    return fail(ErrorCategory::Timeout, "the time limit passed", "allow more time");
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::optional<Result<T>> result_;
};

}  // namespace webpool::pool
