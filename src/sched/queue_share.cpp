#include "sched/queue_share.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace webpool::sched {
namespace {

double beginsAt(const SharingWorker& worker) {
  return worker.ahead + worker.perRun;
}

/// When all are done: those that begin later than that get nothing.
double levelOf(std::span<const SharingWorker> workers, double items) {
  std::vector<SharingWorker> inOrder(workers.begin(), workers.end());
  std::ranges::sort(inOrder, {}, beginsAt);
  double speed = 0;    // items in a unit of time
  double missing = 0;  // items that would have been done by those that have to begin first
  double level = 0;
  for (const auto& worker : inOrder) {
    if (speed > 0 && beginsAt(worker) >= level) break;
    speed += 1 / worker.perItem;
    missing += beginsAt(worker) / worker.perItem;
    level = (items + missing) / speed;
  }
  return level;
}

}  // namespace

std::uint64_t shareOfQueue(std::span<const SharingWorker> workers, std::size_t which,
                           std::uint64_t items) {
  const bool known =
      std::ranges::all_of(workers, [](const auto& worker) { return worker.perItem > 0; });
  if (items <= 1 || workers.size() < 2 || !known) return std::max<std::uint64_t>(items, 1);
  const auto& worker = workers[which];
  const auto room = (levelOf(workers, double(items)) - beginsAt(worker)) / worker.perItem;
  const auto share = std::clamp(std::round(room), 1.0, double(items));
  const auto saved = (double(items) - share) * worker.perItem;
  return saved < worker.perRun ? items : static_cast<std::uint64_t>(share);
}

}  // namespace webpool::sched
