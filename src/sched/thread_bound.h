// How many threads of inferences run at once on a machine: more than it has cores, and all get
// slower. Idle workers and runs on a hardware GPU take no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "sched/ids.h"
#include "webpool/options.h"

namespace webpool::sched {

/// What a run computes with.
struct RunPlace {
  Backend backend = Backend::Wasm;
  bool hardware = false;  ///< WebGPU on a hardware adapter, WebNN on one; nothing else
  unsigned threads = 1;   ///< WASM threads; those of a software adapter or of WebNN on the CPU
};

/// 0 on hardware, else at least 1.
unsigned threadsOf(const RunPlace& place) noexcept;

/// One for a machine. First come, first served: who waits in front is never overtaken by a run that
/// takes threads, so that a wide one gets its turn. Not thread-safe.
class ThreadBound {
 public:
  /// `cores` is the bound; at least 1.
  explicit ThreadBound(unsigned cores);

  /// True: the run may begin, and end() must follow. False: it waits, and takeStarted() names it
  /// when its turn comes; leave() where it is no longer wanted. A run wider than the bound begins
  /// when nothing else runs. A job that runs or waits already is not to be given again.
  [[nodiscard]] bool tryBegin(JobId job, unsigned threads);
  /// Nothing happens where the job does not run.
  void end(JobId job);
  /// Gives up waiting; a job that runs is ended.
  void leave(JobId job);

  /// Waiting jobs that run from now on, in their order. Take them after each end() and leave().
  std::vector<JobId> takeStarted();

  /// Other programs of the machine want cores too, or no longer do. What runs goes on; take what
  /// may start now.
  void setBound(unsigned cores);

  unsigned bound() const noexcept { return bound_; }
  /// The most threads in use at once since it was asked last.
  std::uint64_t takePeak() noexcept;
  std::uint64_t threadsInUse() const noexcept { return inUse_; }
  std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  struct Waiter {
    JobId job = 0;
    unsigned threads = 0;
  };

  bool fits(unsigned threads) const noexcept;
  void begin(JobId job, unsigned threads);
  void startWaiting();

  unsigned bound_;
  std::uint64_t inUse_ = 0;
  std::uint64_t peak_ = 0;
  std::map<JobId, unsigned> running_;
  std::deque<Waiter> waiting_;
  std::vector<JobId> started_;
};

}  // namespace webpool::sched
