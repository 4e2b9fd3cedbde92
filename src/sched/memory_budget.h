// What the pool's browsers and their models hold of its memory, kept up to date by what is
// estimated and what is measured. A budget that is only checked once the machine swaps is none.
#pragma once

#include <cstdint>

#include "sched/memory_plan.h"

namespace webpool::sched {

/// A connection is charged what is measured of it, or what its models explain, whichever is more.
/// Ids that are not known change nothing. Not thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(MemoryLimits limits) : limits_(limits) {}

  /// What is over them by now is unloaded when something is to be loaded.
  void setLimits(MemoryLimits limits) { limits_ = limits; }

  /// `empty`: bytes of such a browser without a model, as measured earlier or planned.
  void connectionOpened(ConnectionId connection, std::uint64_t empty);
  /// Its process ended, with its models. Where it is launched anew it opens again.
  void connectionClosed(ConnectionId connection);
  /// Proportional set size of the whole process tree. Not while a load is under way there: its peak
  /// would pass for memory that nothing explains.
  void connectionSampled(ConnectionId connection, std::uint64_t bytes);

  /// From when its load begins: `estimated` is the peak then. Its connection must be open.
  void modelPlaced(ResidentModel model);
  /// The load is done: what it holds from now on.
  void modelEstimated(ResidentId id, std::uint64_t bytes);
  void modelMeasured(ResidentId id, std::uint64_t bytes);
  /// It is not unloaded while it has users.
  void modelTaken(ResidentId id, TimePoint now);
  void modelReleased(ResidentId id, TimePoint now);
  void modelRemoved(ResidentId id);

  Result<MemoryPlan> plan(const MemoryNeed& need, const UnloadWorth& worth = {}) const {
    return planMemory(limits_, picture_, need, worth);
  }
  bool everFits(const MemoryNeed& need) const { return sched::everFits(limits_, picture_, need); }

  std::uint64_t charged(ConnectionId connection) const;
  std::uint64_t charged() const;  ///< the whole pool
  std::uint64_t unexplained(ConnectionId connection) const;
  const MemoryLimits& limits() const noexcept { return limits_; }
  const MemoryPicture& picture() const noexcept { return picture_; }

 private:
  template <class Change>
  void change(ResidentId id, Change change);

  MemoryLimits limits_;
  MemoryPicture picture_;
  std::map<ResidentId, bool> unsampled_;  ///< true: placed since the connection's last sample
};

}  // namespace webpool::sched
