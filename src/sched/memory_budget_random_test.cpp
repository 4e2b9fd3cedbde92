// Random pools: a plan that is followed keeps both budgets, touches nothing in use, and takes no
// more than it must.
#include <gtest/gtest.h>

#include <random>

#include "sched/memory_budget.h"

namespace webpool::sched {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

class RandomPool {
 public:
  explicit RandomPool(std::uint64_t seed)
      : random_(seed),
        limits_{.pool = (2000 + below(3000)) * kMiB, .connection = (800 + below(1500)) * kMiB},
        budget_(limits_) {
    for (ConnectionId id = 1; id <= 3; ++id) budget_.connectionOpened(id, kEmpty);
  }

  void run() {
    for (int step = 0; step < 200; ++step) {
      now_ += std::chrono::seconds(1);
      switch (below(6)) {
        case 0:
          touch([&](ResidentId id) { budget_.modelTaken(id, now_); });
          break;
        case 1:
        case 2:
          touch([&](ResidentId id) { budget_.modelReleased(id, now_); });
          break;
        case 3:
          touch([&](ResidentId id) { budget_.modelRemoved(id); });
          break;
        case 4:
          sample();
          break;
        default:
          load();
      }
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

  int planned = 0, unloaded = 0, recycled = 0, refused = 0;

 private:
  static constexpr std::uint64_t kEmpty = 200 * kMiB;

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  template <class Do>
  void touch(Do act) {
    const auto& models = budget_.picture().models;
    if (models.empty()) return;
    act(std::next(models.begin(), static_cast<std::ptrdiff_t>(below(models.size())))->first);
  }

  /// A browser that leaks, within what it may use: a sample beyond it is no fault of a plan.
  void sample() {
    const ConnectionId id = 1 + below(3);
    const auto room = limits_.pool - std::min(limits_.pool, budget_.charged());
    const auto own = limits_.connection - std::min(limits_.connection, budget_.charged(id));
    const auto leak = std::min({room, own, below(600) * kMiB});
    budget_.connectionSampled(id, budget_.picture().explained(id) + leak);
  }

  void load() {
    const ConnectionId id = 1 + below(3);
    const std::string group = below(3) == 0 ? "g" + std::to_string(below(3)) : "";
    const MemoryNeed need{(50 + below(700)) * kMiB, id, group};
    const auto plan = budget_.plan(need);
    if (!plan) {
      ++refused;
      ASSERT_EQ(plan.error().category, ErrorCategory::OutOfMemory);
      ASSERT_FALSE(plan.error().hint.empty());
      checkRefusal(need);
      return;
    }
    ++planned;
    unloaded += static_cast<int>(plan->unload.size());
    recycled += static_cast<int>(plan->recycle.size());
    checkLeast(*plan, need);
    follow(budget_, *plan, need, std::nullopt);
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_LE(budget_.charged(), limits_.pool);
    for (ConnectionId other = 1; other <= 3; ++other) {
      ASSERT_LE(budget_.charged(other), limits_.connection) << "connection " << other;
    }
  }

  /// Does what the plan says, but for one model, and places the need.
  void follow(MemoryBudget& budget, const MemoryPlan& plan, const MemoryNeed& need,
              std::optional<ResidentId> spared) {
    for (const auto id : plan.unload) {
      ASSERT_EQ(budget.picture().models.at(id).users, 0u);
      if (id != spared) budget.modelRemoved(id);
    }
    for (const auto connection : plan.recycle) {
      ASSERT_GT(budget.unexplained(connection), limits_.slack);
      auto models = budget.picture().models;
      budget.connectionOpened(connection, kEmpty);
      for (auto& [id, model] : models) {
        const bool stays = model.users > 0 || (!need.group.empty() && model.group == need.group) ||
                           groupInUse(models, model.group);
        if (model.connection == connection && stays) budget.modelPlaced(model);
      }
    }
    budget.modelPlaced({.id = ++lastId_,
                        .connection = *need.connection,
                        .group = need.group,
                        .estimated = need.bytes,
                        .lastUsed = now_});
  }
  static bool groupInUse(const std::map<ResidentId, ResidentModel>& models,
                         const std::string& group) {
    if (group.empty()) return false;
    for (const auto& [id, model] : models) {
      if (model.group == group && model.users > 0) return true;
    }
    return false;
  }

  /// With any one of the unloaded models left in, the budget would be broken.
  void checkLeast(const MemoryPlan& plan, const MemoryNeed& need) {
    for (const auto spared : plan.unload) {
      auto copy = budget_;
      follow(copy, plan, need, spared);
      if (::testing::Test::HasFatalFailure()) return;
      bool broken = copy.charged() > limits_.pool;
      for (ConnectionId id = 1; id <= 3; ++id) {
        broken = broken || copy.charged(id) > limits_.connection;
      }
      ASSERT_TRUE(broken) << "model " << spared << " could have stayed";
    }
  }

  /// With everything gone that may go, it would still not fit.
  void checkRefusal(const MemoryNeed& need) {
    auto copy = budget_;
    MemoryPlan everything;
    for (ConnectionId id = 1; id <= 3; ++id) {
      if (copy.unexplained(id) > limits_.slack) everything.recycle.push_back(id);
    }
    for (const auto& [id, model] : copy.picture().models) {
      const bool stays = model.users > 0 || (!need.group.empty() && model.group == need.group) ||
                         groupInUse(copy.picture().models, model.group);
      if (!stays) everything.unload.push_back(id);
    }
    follow(copy, everything, need, std::nullopt);
    if (::testing::Test::HasFatalFailure()) return;
    bool broken = copy.charged() > limits_.pool;
    for (ConnectionId id = 1; id <= 3; ++id)
      broken = broken || copy.charged(id) > limits_.connection;
    ASSERT_TRUE(broken) << "it could have fitted";
  }

  std::mt19937_64 random_;
  MemoryLimits limits_;
  MemoryBudget budget_;
  ResidentId lastId_ = 0;
  TimePoint now_{std::chrono::hours(1)};
};

TEST(MemoryBudgetRandom, AFollowedPlanKeepsTheBudgetAndTakesTheLeast) {
  int planned = 0, unloaded = 0, recycled = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    RandomPool pool(seed);
    pool.run();
    if (::testing::Test::HasFailure()) return;
    planned += pool.planned;
    unloaded += pool.unloaded;
    recycled += pool.recycled;
    refused += pool.refused;
  }
  // Pools in which little happens prove little.
  EXPECT_GT(planned, 5'000);
  EXPECT_GT(unloaded, 2'000);
  EXPECT_GT(recycled, 100);
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace webpool::sched
