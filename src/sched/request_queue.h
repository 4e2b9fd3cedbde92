// The calls of one model that wait for a worker, and which of them it gets next as one batch. A
// batch is taken when a worker is free, so that it forms while the workers are busy and nobody
// waits for it. Pure: no clock, no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sched/ids.h"
#include "webpool/error.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

struct QueueOptions {
  std::size_t capacity = 1024;  ///< calls that may wait; at least 1
  /// A priority that had no turn for so long counts as one higher, for twice as long as two, until
  /// its next turn: none starves.
  Duration aging = std::chrono::seconds(2);
};

struct BatchLimits {
  std::uint64_t items = 16;  ///< at least 1; a single call of more goes alone
  std::uint64_t length = 0;  ///< items times the longest; 0: no limit
  /// The padding, in items times length, that costs as much as a further run: a call goes along
  /// where it brings no more than a third of that, for it may find others nearer to its length.
  /// Unset: not known, and the two below hold.
  std::optional<double> padding{};
  double waste = 0.3;         ///< padding at most, as a share of what is no padding
  std::uint64_t cheap = 128;  ///< up to this length padding costs next to nothing
};

struct QueuedJob {
  JobId id = 0;
  unsigned priority = 2;     ///< 1 is the highest
  std::string caller{};      ///< callers share alike, whoever asks more often
  std::uint64_t kind = 0;    ///< calls of one kind may share a batch; 0: it goes alone
  std::uint64_t items = 1;   ///< texts, or rows
  std::uint64_t length = 0;  ///< of the longest item; any unit, the same for all of a kind
};

/// Order: priority (aging()), then what each caller has had (start-time fair queueing: Goyal, Vin
/// and Cheng 1996; but time goes on by what was served, shared among the callers that wait, as in
/// weighted fair queueing: Demers, Keshav and Shenker 1989; so callers who come anew all the time
/// hold up nobody), then arrival. Not thread-safe; times must not go backwards.
class RequestQueue {
 public:
  explicit RequestQueue(QueueOptions options = {});

  /// Busy where it is full.
  Result<void> admit(const QueuedJob& job, TimePoint now);
  /// One that was taken and is to be tried again: never refused, and its turn comes first.
  void readmit(const QueuedJob& job, TimePoint now);
  /// Somebody wants the answer of a call that waits: it goes when the sooner of both would, and the
  /// other's priority and caller count. Nothing where it does not wait.
  void join(JobId waiting, unsigned priority, const std::string& caller);
  /// False: it does not wait.
  bool withdraw(JobId job);

  /// The call whose turn it is, among those that may go to that worker, and others of its kind that
  /// fit: by priority, then those of about its length, of these in their turn. Another kind in
  /// between closes no batch. Empty for none.
  std::vector<JobId> takeBatch(TimePoint now, const BatchLimits& limits,
                               const std::function<bool(JobId)>& eligible);
  /// Whose turn it is, without taking it; none for an empty queue.
  std::optional<JobId> next(TimePoint now, const std::function<bool(JobId)>& eligible) const;

  std::size_t size() const noexcept { return jobs_.size(); }
  bool empty() const noexcept { return jobs_.empty(); }
  std::uint64_t items() const noexcept { return items_; }
  /// Of calls that would have their turn before one of that priority and caller.
  std::uint64_t itemsBefore(unsigned priority, const std::string& caller) const;
  bool contains(JobId job) const { return jobs_.contains(job); }
  std::optional<TimePoint> oldest() const;

 private:
  using Sequence = std::uint64_t;
  struct Entry {
    QueuedJob job;
    TimePoint since{};
    double start = 0;  ///< virtual time
    Sequence sequence = 0;
  };
  using Turn = std::pair<double, Sequence>;  ///< start, and who came first
  struct Caller {
    double finish = 0;
    std::size_t waiting = 0;
  };
  /// Calls of one priority.
  struct Level {
    std::map<Turn, JobId> byTurn;
    std::map<Sequence, JobId> byAge;
    std::map<std::string, Caller> callers;
    std::size_t waitingCallers = 0;
    double virtualTime = 0;
    std::uint64_t items = 0;
    TimePoint turn{};  ///< its last one; or when the first of these calls came

    double startFor(const std::string& caller) const;
  };
  /// Calls of a kind and priority, in their turn, by about how long they are.
  using ByLength = std::map<unsigned, std::map<Turn, JobId>>;
  class Filling;

  void insert(const Entry& entry);
  Entry remove(JobId id);
  static std::optional<JobId> firstOf(const Level& level,
                                      const std::function<bool(JobId)>& eligible);

  QueueOptions options_;
  std::map<JobId, Entry> jobs_;
  std::map<unsigned, Level> levels_;
  std::map<std::uint64_t, std::map<unsigned, ByLength>> kinds_;
  std::uint64_t items_ = 0;
  Sequence next_ = 1;
  /// What is tried again comes before all that waits.
  Sequence early_ = 0;
};

}  // namespace webpool::sched
