#include "sched/request_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

namespace webpool::sched {
namespace {

constexpr Duration kLeastAging = std::chrono::milliseconds(1);
constexpr auto kMiddle = std::numeric_limits<std::uint64_t>::max() / 2;

/// Items times length, the work of a call: at least an item.
double costOf(const QueuedJob& job) {
  return double(std::max<std::uint64_t>(1, job.items)) *
         double(std::max<std::uint64_t>(1, job.length));
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
  auto& caller = callers_[job.caller];
  Entry entry{job, now, std::max(virtualTime_, caller.finish), next_++};
  caller.finish = entry.start + costOf(job);
  insert(std::move(entry));
  return {};
}

void RequestQueue::readmit(const QueuedJob& job, TimePoint now) {
  insert({job, now, virtualTime_, early_--});
}

void RequestQueue::insert(Entry entry) {
  const auto& job = entry.job;
  ++callers_[job.caller].waiting;
  auto& level = levels_[job.priority];
  level.byTurn.emplace(std::pair(entry.start, entry.sequence), job.id);
  level.byAge.emplace(entry.sequence, job.id);
  level.items += job.items;
  if (job.kind != 0) kinds_[job.kind].emplace(job.length, job.id);
  items_ += job.items;
  const auto id = job.id;
  jobs_.emplace(id, std::move(entry));
}

RequestQueue::Entry RequestQueue::remove(JobId id) {
  auto node = jobs_.extract(id);
  auto& entry = node.mapped();
  const auto& job = entry.job;
  const auto level = levels_.find(job.priority);
  level->second.byTurn.erase({entry.start, entry.sequence});
  level->second.byAge.erase(entry.sequence);
  level->second.items -= job.items;
  if (level->second.byAge.empty()) levels_.erase(level);
  if (job.kind != 0) {
    const auto kind = kinds_.find(job.kind);
    kind->second.erase({job.length, id});
    if (kind->second.empty()) kinds_.erase(kind);
  }
  items_ -= job.items;
  // A caller of whom nothing waits, and who is owed nothing, is forgotten.
  const auto caller = callers_.find(job.caller);
  if (--caller->second.waiting == 0 && caller->second.finish <= virtualTime_) {
    callers_.erase(caller);
  }
  return std::move(entry);
}

bool RequestQueue::withdraw(JobId job) {
  if (!jobs_.contains(job)) return false;
  remove(job);
  return true;
}

std::uint64_t RequestQueue::itemsBefore(unsigned priority) const {
  std::uint64_t items = 0;
  for (auto level = levels_.begin(); level != levels_.upper_bound(priority); ++level) {
    items += level->second.items;
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

std::optional<JobId> RequestQueue::firstOf(const Level& level, bool byAge,
                                           const std::function<bool(JobId)>& eligible) const {
  const auto find = [&](const auto& order) -> std::optional<JobId> {
    for (const auto& [key, id] : order) {
      if (eligible(id)) return id;
    }
    return std::nullopt;
  };
  return byAge ? find(level.byAge) : find(level.byTurn);
}

std::optional<JobId> RequestQueue::next(TimePoint now,
                                        const std::function<bool(JobId)>& eligible) const {
  struct Turn {
    std::int64_t rank = 0;
    JobId id = 0;
  };
  std::optional<Turn> best;
  for (const auto& [priority, level] : levels_) {
    const auto oldest = firstOf(level, true, eligible);
    if (!oldest) continue;
    const auto waited = now - jobs_.at(*oldest).since;
    const auto lifted = std::max<std::int64_t>(0, waited / options_.aging);
    // Whoever was lifted by its age goes itself; otherwise it is as its caller's share says.
    const Turn turn{std::int64_t{priority} - lifted,
                    lifted > 0 ? *oldest : *firstOf(level, false, eligible)};
    if (!best || turn.rank < best->rank) best = turn;
  }
  if (!best) return std::nullopt;
  return best->id;
}

std::vector<JobId> RequestQueue::takeBatch(TimePoint now, const BatchLimits& limits,
                                           const std::function<bool(JobId)>& eligible) {
  const auto first = next(now, eligible);
  if (!first) return {};
  std::vector<JobId> batch{*first};
  const auto& head = jobs_.at(*first);
  virtualTime_ = std::max(virtualTime_, head.start);
  if (head.job.kind != 0) fill(head.job, limits, eligible, batch);
  for (const auto id : batch) remove(id);
  if (jobs_.empty()) {  // nobody is owed anything
    callers_.clear();
    virtualTime_ = 0;
  }
  return batch;
}

void RequestQueue::fill(const QueuedJob& head, const BatchLimits& limits,
                        const std::function<bool(JobId)>& eligible,
                        std::vector<JobId>& batch) const {
  Filled filled;
  filled.add(head);
  const auto& same = kinds_.at(head.kind);
  const auto at = same.find({head.length, head.id});
  auto up = std::next(at);
  auto down = std::make_reverse_iterator(at);
  const auto consider = [&](JobId id) {
    const auto& job = jobs_.at(id).job;
    if (!eligible(id) || !filled.takes(job, limits)) return;
    filled.add(job);
    batch.push_back(id);
  };
  while (filled.items < limits.items && (up != same.end() || down != same.rend())) {
    const bool goUp = down == same.rend() ||
                      (up != same.end() && up->first - head.length <= head.length - down->first);
    consider(goUp ? (up++)->second : (down++)->second);
  }
}

}  // namespace webpool::sched
