// Lets runs begin in their turn: two in flight a worker, so that it never waits for a message, and
// on all workers together no more threads at once than the machine has cores. The rest waits here,
// where a browser's death does not reach it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "sched/thread_bound.h"

namespace webpool::pool {

/// A worker takes threads from its first run in flight to its last. While others wait for threads
/// it takes no further run, so that each gets its turn. Loop thread only.
class Dispatcher {
 public:
  using WorkerId = sched::JobId;
  using RunId = std::uint64_t;
  /// Sends the run; finished() follows. False: there is nothing to wait for.
  using Send = std::move_only_function<bool()>;

  explicit Dispatcher(unsigned cores) : bound_(cores) {}

  /// `threads` of the worker; always the same. `send` may be called before this returns.
  RunId enqueue(WorkerId worker, unsigned threads, Send send);
  /// A run that was sent has its answer.
  void finished(WorkerId worker);
  /// True: the run was still waiting, and is forgotten.
  bool withdraw(WorkerId worker, RunId run);

  /// How many cores the runs may take from now on.
  void setCores(unsigned cores);
  /// As ThreadBound's.
  std::uint64_t takePeak() noexcept { return bound_.takePeak(); }

  std::size_t waiting() const;
  const sched::ThreadBound& threads() const { return bound_; }

 private:
  static constexpr unsigned kInFlight = 2;

  struct Run {
    RunId id = 0;
    Send send;
  };
  struct Worker {
    unsigned threads = 0;
    unsigned inFlight = 0;
    bool running = false;  ///< it has its threads
    bool asked = false;    ///< it waits for them
    bool pumping = false;
    std::deque<Run> waiting;
  };

  void pump(WorkerId id);
  void release(WorkerId id, Worker& worker);
  void pumpStarted();

  sched::ThreadBound bound_;
  std::map<WorkerId, Worker> workers_;  ///< those that have something to do
  RunId next_ = 1;
};

}  // namespace webpool::pool
