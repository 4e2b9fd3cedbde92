#include "sched/request_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace webpool::sched {
namespace {

constexpr Duration kLeastAging = std::chrono::milliseconds(1);
constexpr auto kMiddle = std::numeric_limits<std::uint64_t>::max() / 2;

/// From a quarter to a half is best for queues of 4 to 128 calls and runs that cost in themselves
/// what 3 to 3000 of length cost; all of it is up to a tenth worse.
constexpr double kShareOfARun = 1.0 / 3;

/// Items times length, the work of a call: at least an item.
double costOf(const QueuedJob& job) {
  return double(std::max<std::uint64_t>(1, job.items)) *
         double(std::max<std::uint64_t>(1, job.length));
}

/// Lengths of one bucket differ by a tenth at most.
unsigned bucketOf(std::uint64_t length) {
  constexpr double kBucketsOfAnOctave = 8;
  return length == 0 ? 0 : 1 + static_cast<unsigned>(kBucketsOfAnOctave * std::log2(length));
}

/// What a batch is made of so far.
struct Filled {
  std::uint64_t items = 0;
  std::uint64_t longest = 0;
  double real = 0;  ///< items times their own length

  void add(const QueuedJob& job) {
    items += job.items;
    longest = std::max(longest, job.length);
    real += double(job.items) * double(job.length);
  }

  bool takes(const QueuedJob& job, const BatchLimits& limits) const {
    auto with = *this;
    with.add(job);
    if (with.items > limits.items) return false;
    const double padded = double(with.items) * double(with.longest);
    if (limits.length > 0 && padded > double(limits.length)) return false;
    if (limits.padding) {
      const double before = double(items) * double(longest);
      const double own = double(job.items) * double(job.length);
      return padded - before - own <= kShareOfARun * *limits.padding;
    }
    return with.longest <= limits.cheap || padded <= (1 + limits.waste) * with.real;
  }
};

}  // namespace

RequestQueue::RequestQueue(QueueOptions options) : options_(options), next_(kMiddle) {
  options_.capacity = std::max<std::size_t>(1, options_.capacity);
  options_.aging = std::max(options_.aging, kLeastAging);
  early_ = kMiddle - 1;
}

Result<void> RequestQueue::admit(const QueuedJob& job, TimePoint now) {
  if (jobs_.size() >= options_.capacity) {
    return fail(ErrorCategory::Busy,
                fmt::format("{} calls wait already, and no more may", jobs_.size()),
                "try again in a moment, or add workers");
  }
  auto& level = levels_[job.priority];
  const Entry entry{job, now, level.startFor(job.caller), next_++};
  insert(entry);
  level.callers[job.caller].finish = entry.start + costOf(job);
  return {};
}

double RequestQueue::Level::startFor(const std::string& caller) const {
  const auto known = callers.find(caller);
  return known == callers.end() ? virtualTime : std::max(virtualTime, known->second.finish);
}

void RequestQueue::join(JobId waiting, unsigned priority, const std::string& caller) {
  const auto found = jobs_.find(waiting);
  if (found == jobs_.end() || priority > found->second.job.priority) return;
  const auto level = levels_.find(priority);
  const double start = level == levels_.end() ? 0 : level->second.startFor(caller);
  const auto& known = found->second;
  if (priority == known.job.priority && start >= known.start) return;
  auto entry = remove(waiting);
  entry.job.priority = priority;
  entry.job.caller = caller;
  entry.start = start;
  insert(entry);
  levels_.at(priority).callers.at(caller).finish = start + costOf(entry.job);
}

void RequestQueue::readmit(const QueuedJob& job, TimePoint now) {
  const auto& level = levels_[job.priority];
  const auto first = level.byTurn.empty() ? level.virtualTime : level.byTurn.begin()->first.first;
  insert({job, now, std::min(level.virtualTime, first), early_--});
}

void RequestQueue::insert(const Entry& entry) {
  const auto& job = entry.job;
  auto& level = levels_[job.priority];
  if (level.byTurn.empty()) level.turn = entry.since;
  if (level.callers[job.caller].waiting++ == 0) ++level.waitingCallers;
  const Turn turn{entry.start, entry.sequence};
  level.byTurn.emplace(turn, job.id);
  level.byAge.emplace(entry.sequence, job.id);
  level.items += job.items;
  if (job.kind != 0) kinds_[job.kind][job.priority][bucketOf(job.length)].emplace(turn, job.id);
  items_ += job.items;
  jobs_.emplace(job.id, entry);
}

RequestQueue::Entry RequestQueue::remove(JobId id) {
  auto node = jobs_.extract(id);
  auto& entry = node.mapped();
  const auto& job = entry.job;
  const Turn turn{entry.start, entry.sequence};
  items_ -= job.items;
  if (job.kind != 0) {
    const auto kind = kinds_.find(job.kind);
    const auto lengths = kind->second.find(job.priority);
    const auto bucket = lengths->second.find(bucketOf(job.length));
    bucket->second.erase(turn);
    if (bucket->second.empty()) lengths->second.erase(bucket);
    if (lengths->second.empty()) kind->second.erase(lengths);
    if (kind->second.empty()) kinds_.erase(kind);
  }
  const auto found = levels_.find(job.priority);
  auto& level = found->second;
  level.byTurn.erase(turn);
  level.byAge.erase(entry.sequence);
  level.items -= job.items;
  if (level.byTurn.empty()) {  // nobody is owed anything
    levels_.erase(found);
    return std::move(entry);
  }
  // A caller of whom nothing waits, and who has had no more than others, is forgotten.
  const auto caller = level.callers.find(job.caller);
  if (--caller->second.waiting == 0) {
    --level.waitingCallers;
    if (caller->second.finish <= level.virtualTime) level.callers.erase(caller);
  }
  return std::move(entry);
}

bool RequestQueue::withdraw(JobId job) {
  if (!jobs_.contains(job)) return false;
  remove(job);
  return true;
}

std::uint64_t RequestQueue::itemsBefore(unsigned priority, const std::string& caller) const {
  std::uint64_t items = 0;
  for (auto level = levels_.begin(); level != levels_.lower_bound(priority); ++level) {
    items += level->second.items;
  }
  const auto same = levels_.find(priority);
  if (same == levels_.end()) return items;
  const auto start = same->second.startFor(caller);
  for (const auto& [turn, id] : same->second.byTurn) {
    if (turn.first > start) break;
    items += jobs_.at(id).job.items;
  }
  return items;
}

std::optional<TimePoint> RequestQueue::oldest() const {
  std::optional<TimePoint> oldest;
  for (const auto& [priority, level] : levels_) {
    const auto since = jobs_.at(level.byAge.begin()->second).since;
    if (!oldest || since < *oldest) oldest = since;
  }
  return oldest;
}

std::optional<JobId> RequestQueue::firstOf(const Level& level,
                                           const std::function<bool(JobId)>& eligible) {
  for (const auto& [turn, id] : level.byTurn) {
    if (eligible(id)) return id;
  }
  return std::nullopt;
}

std::optional<JobId> RequestQueue::next(TimePoint now,
                                        const std::function<bool(JobId)>& eligible) const {
  // Of equals the one that had its last turn first.
  std::optional<std::pair<std::pair<std::int64_t, TimePoint>, JobId>> best;
  for (const auto& [priority, level] : levels_) {
    const auto first = firstOf(level, eligible);
    if (!first) continue;
    const auto lifted = std::max<std::int64_t>(0, (now - level.turn) / options_.aging);
    const auto rank = std::max<std::int64_t>(1, std::int64_t{priority} - lifted);
    const std::pair order{rank, level.turn};
    if (!best || order < best->first) best.emplace(order, *first);
  }
  if (!best) return std::nullopt;
  return best->second;
}

/// What a batch takes along.
class RequestQueue::Filling {
 public:
  Filling(const RequestQueue& queue, const QueuedJob& head, const BatchLimits& limits,
          const std::function<bool(JobId)>& eligible, std::vector<JobId>& batch)
      : queue_(queue), head_(head), limits_(limits), eligible_(eligible), batch_(batch) {
    filled_.add(head);
  }

  void fill() {
    for (const auto& [priority, lengths] : queue_.kinds_.at(head_.kind)) {
      if (isFull()) return;
      fillFrom(lengths);
    }
  }

 private:
  bool isFull() const { return filled_.items >= limits_.items; }

  /// The nearest lengths first, to both sides of the head's.
  void fillFrom(const ByLength& lengths) {
    const auto wanted = bucketOf(head_.length);
    auto up = lengths.lower_bound(wanted);
    auto down = std::make_reverse_iterator(up);
    while (!isFull() && (up != lengths.end() || down != lengths.rend())) {
      const bool goUp = down == lengths.rend() ||
                        (up != lengths.end() && up->first - wanted <= wanted - down->first);
      fillFrom(goUp ? (up++)->second : (down++)->second);
    }
  }

  void fillFrom(const std::map<Turn, JobId>& inTurn) {
    for (const auto& [turn, id] : inTurn) {
      if (isFull()) return;
      const auto& job = queue_.jobs_.at(id).job;
      if (id == head_.id || !filled_.takes(job, limits_) || !eligible_(id)) continue;
      filled_.add(job);
      batch_.push_back(id);
    }
  }

  const RequestQueue& queue_;
  const QueuedJob& head_;
  const BatchLimits& limits_;
  const std::function<bool(JobId)>& eligible_;
  std::vector<JobId>& batch_;
  Filled filled_;
};

std::vector<JobId> RequestQueue::takeBatch(TimePoint now, const BatchLimits& limits,
                                           const std::function<bool(JobId)>& eligible) {
  const auto first = next(now, eligible);
  if (!first) return {};
  std::vector<JobId> batch{*first};
  const auto& head = jobs_.at(*first);
  auto& time = levels_.at(head.job.priority).virtualTime;
  time = std::max(time, head.start);
  if (head.job.kind != 0) Filling(*this, head.job, limits, eligible, batch).fill();
  for (const auto id : batch) {
    const auto& job = jobs_.at(id).job;
    auto& level = levels_.at(job.priority);
    level.turn = now;
    level.virtualTime += costOf(job) / double(level.waitingCallers);
  }
  for (const auto id : batch) remove(id);
  return batch;
}

}  // namespace webpool::sched
