#include "sched/placement_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace webpool::sched {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr std::uint64_t kMiB = 1 << 20;
const TimePoint kStart{hours(1)};

std::vector<EngineCost> costs(int run0, int run1, int load = 1000) {
  return {{0, milliseconds(run0), milliseconds(load)}, {1, milliseconds(run1), milliseconds(load)}};
}

PlacementNeed needOf(const std::vector<EngineCost>& engines, std::uint64_t bytes = kMiB) {
  return {.model = 0, .bytes = bytes, .engines = engines};
}

TEST(PlacementIndex, NoWorkerNoPlace) {
  PlacementIndex index;
  const auto engines = costs(10, 10);
  EXPECT_FALSE(index.best(needOf(engines), kStart));
}

TEST(PlacementIndex, TheFasterEngineWhereBothAreFree) {
  PlacementIndex index;
  const auto a = index.addWorker(0, 0);
  const auto b = index.addWorker(1, 0);
  index.addModel(a, 0);
  index.addModel(b, 0);
  EXPECT_EQ(index.best(needOf(costs(10, 20)), kStart)->worker, a);
  const auto place = *index.best(needOf(costs(20, 10)), kStart);
  EXPECT_EQ(place.worker, b);
  EXPECT_EQ(place.engine, 1u);
  EXPECT_TRUE(place.resident);
  EXPECT_EQ(place.wait, Duration::zero());
  EXPECT_EQ(place.total, milliseconds(10));
}

TEST(PlacementIndex, TheSlowerOneAsSoonAsItWouldBeDoneFirst) {
  PlacementIndex index;
  const auto fast = index.addWorker(0, 0);
  const auto slow = index.addWorker(1, 0);
  index.addModel(fast, 0);
  index.addModel(slow, 0);
  index.setBusy(fast, kStart + milliseconds(19));
  EXPECT_EQ(index.best(needOf(costs(10, 30)), kStart)->worker, fast);
  index.setBusy(fast, kStart + milliseconds(21));
  EXPECT_EQ(index.best(needOf(costs(10, 30)), kStart)->worker, slow);
  EXPECT_EQ(index.best(needOf(costs(10, 30)), kStart + milliseconds(5))->worker, fast);
}

TEST(PlacementIndex, AWorkerThatIsLateStaysBehindAnIdleOne) {
  PlacementIndex index;
  const auto late = index.addWorker(0, 0);
  index.addModel(late, 0);
  index.setBusy(late, kStart);
  const auto now = kStart + milliseconds(50);
  EXPECT_EQ(index.best(needOf(costs(10, 10)), now)->worker, late);
  const auto idle = index.addWorker(0, 0);
  index.addModel(idle, 0);
  EXPECT_EQ(index.best(needOf(costs(10, 10)), now)->worker, idle);
}

TEST(PlacementIndex, LoadsWhereWaitingWouldTakeLonger) {
  PlacementIndex index;
  const auto holder = index.addWorker(0, 0);
  index.addModel(holder, 0);
  const auto other = index.addWorker(0, 64 * kMiB);
  index.setBusy(holder, kStart + milliseconds(300));
  EXPECT_EQ(index.best(needOf(costs(10, 10, 400)), kStart)->worker, holder);
  const auto place = *index.best(needOf(costs(10, 10, 200)), kStart);
  EXPECT_EQ(place.worker, other);
  EXPECT_FALSE(place.resident);
  EXPECT_EQ(place.total, milliseconds(210));
  auto engines = costs(10, 10, 200);
  engines[0].mayLoad = false;
  EXPECT_EQ(index.best(needOf(engines), kStart)->worker, holder);
}

TEST(PlacementIndex, NeverLoadsWhereThereIsNoRoom) {
  PlacementIndex index;
  const auto small = index.addWorker(0, 100 * kMiB);
  EXPECT_FALSE(index.best(needOf(costs(1, 1), 101 * kMiB), kStart));
  EXPECT_EQ(index.best(needOf(costs(1, 1), 100 * kMiB), kStart)->worker, small);
  index.setRoom(small, 99 * kMiB);
  EXPECT_FALSE(index.best(needOf(costs(1, 1), 100 * kMiB), kStart));
  const auto large = index.addWorker(0, 127 * kMiB);
  index.setBusy(large, kStart + milliseconds(5));
  EXPECT_EQ(index.best(needOf(costs(1, 1), 100 * kMiB), kStart)->worker, large);
}

TEST(PlacementIndex, RiskCountsAsTime) {
  PlacementIndex index;
  const auto shaky = index.addWorker(0, 0);
  const auto sound = index.addWorker(0, 0);
  index.addModel(shaky, 0);
  index.addModel(sound, 0);
  index.setRisk(shaky, milliseconds(30));
  index.setBusy(sound, kStart + milliseconds(20));
  EXPECT_EQ(index.best(needOf(costs(10, 10)), kStart)->worker, sound);
  index.setBusy(sound, kStart + milliseconds(40));
  const auto place = *index.best(needOf(costs(10, 10)), kStart);
  EXPECT_EQ(place.worker, shaky);
  EXPECT_EQ(place.total, milliseconds(40));
}

TEST(PlacementIndex, WhoIsNotAllowedIsPassedOver) {
  PlacementIndex index;
  for (int i = 0; i < 40; ++i) {
    index.addModel(index.addWorker(0, 0), 0);
    index.setBusy(static_cast<WorkerIndex>(i), kStart + milliseconds(i));
  }
  std::set<WorkerIndex> refused;
  const std::function<bool(WorkerIndex)> allowed = [&](auto w) { return !refused.contains(w); };
  const auto engines = costs(10, 10);
  auto need = needOf(engines);
  need.allowed = &allowed;
  for (WorkerIndex i = 0; i < 40; ++i) {
    EXPECT_EQ(index.best(need, kStart)->worker, i);
    refused.insert(i);
  }
  EXPECT_FALSE(index.best(need, kStart));
}

/// The same, by looking at every worker.
class Model {
 public:
  struct Worker {
    EngineIndex engine = 0;
    std::uint64_t room = 0;
    std::optional<TimePoint> until{};
    Duration risk{};
    std::set<ModelIndex> models{};
  };
  std::map<WorkerIndex, Worker> workers;

  std::optional<Duration> best(const PlacementNeed& need, TimePoint now) const {
    std::optional<Duration> best;
    for (const auto& [index, worker] : workers) {
      const auto& cost = need.engines[worker.engine];
      const bool resident = worker.models.contains(need.model);
      if (!resident && (!cost.mayLoad || worker.room < need.bytes)) continue;
      const auto free = worker.until ? std::max(Duration::zero(), *worker.until + worker.risk - now)
                                     : worker.risk;
      const auto total = cost.run + free + (resident ? Duration::zero() : cost.load);
      if (!best || total < *best) best = total;
    }
    return best;
  }
};

class RandomWorkers {
 public:
  explicit RandomWorkers(std::uint64_t seed) : random_(seed) {}

  void step() {
    now_ += milliseconds(below(5));
    if (model_.workers.size() < 2 || (below(20) == 0 && model_.workers.size() < 60)) return add();
    const auto at = std::next(model_.workers.begin(),
                              static_cast<std::ptrdiff_t>(below(model_.workers.size())));
    change(at->first, at->second);
  }

  void check() {
    std::vector<EngineCost> engines;
    for (EngineIndex e = 0; e < 3; ++e) {
      engines.push_back({e, milliseconds(1 + below(50)), milliseconds(below(100)), below(4) > 0});
    }
    const PlacementNeed need{static_cast<ModelIndex>(below(5)), below(300) * kMiB, engines,
                             nullptr};
    const auto found = index_.best(need, now_);
    const auto wanted = model_.best(need, now_);
    ASSERT_EQ(found.has_value(), wanted.has_value());
    if (!found) return;
    ASSERT_EQ(found->total, *wanted);
    const auto& worker = model_.workers.at(found->worker);
    ASSERT_EQ(worker.engine, found->engine);
    ASSERT_EQ(worker.models.contains(need.model), found->resident);
    ASSERT_TRUE(found->resident || worker.room >= need.bytes);
  }

  std::size_t size() const { return index_.size() == model_.workers.size() ? index_.size() : 0; }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  void add() {
    const Model::Worker worker{static_cast<EngineIndex>(below(3)), below(400) * kMiB};
    model_.workers[index_.addWorker(worker.engine, worker.room)] = worker;
  }

  void change(WorkerIndex id, Model::Worker& worker) {
    switch (below(14)) {
      case 0:
        index_.removeWorker(id);
        model_.workers.erase(id);
        return;
      case 1:
      case 2:
        worker.room = below(400) * kMiB;
        return index_.setRoom(id, worker.room);
      case 3:
        worker.risk = milliseconds(below(30));
        return index_.setRisk(id, worker.risk);
      case 4:
      case 5:
      case 6: {
        const auto model = static_cast<ModelIndex>(below(5));
        worker.models.insert(model);
        return index_.addModel(id, model);
      }
      case 7: {
        const auto model = static_cast<ModelIndex>(below(5));
        worker.models.erase(model);
        return index_.removeModel(id, model);
      }
      case 8:
      case 9:
        worker.until.reset();
        return index_.setIdle(id);
      default:
        worker.until = now_ + milliseconds(below(80));
        return index_.setBusy(id, *worker.until);
    }
  }

  std::mt19937_64 random_;
  PlacementIndex index_;
  Model model_;
  TimePoint now_ = kStart;
};

TEST(PlacementIndex, FindsWhatLookingAtEveryWorkerFinds) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    RandomWorkers workers(seed);
    for (int i = 0; i < 1500; ++i) {
      workers.step();
      workers.check();
      if (HasFatalFailure()) FAIL() << "seed " << seed << ", step " << i;
      ASSERT_GT(workers.size(), 0u);
    }
  }
}

}  // namespace
}  // namespace webpool::sched
