#include "sched/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

namespace webpool::sched {
namespace {

/// A sum that would overflow is more than any budget.
std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b
             ? std::numeric_limits<std::uint64_t>::max()
             : a + b;
}

std::string mib(std::uint64_t bytes) {
  return fmt::format("{} MiB", (bytes >> 20) + ((bytes & 0xfffff) != 0 ? 1 : 0));
}

class Planner {
 public:
  Planner(const MemoryLimits& limits, const MemoryPicture& picture, const MemoryNeed& need,
          const UnloadWorth& worth)
      : limits_(limits), picture_(picture), need_(need) {
    // What is worth no number is worth the least.
    constexpr double kNothing = -std::numeric_limits<double>::infinity();
    for (const auto& [id, model] : picture_.models) {
      auto& group = groups_[keyOf(model)];
      group.users += model.users;
      group.lastUsed = std::max(group.lastUsed, model.lastUsed);
      const double own = worth ? worth(model) : 0;
      group.worth = std::max(group.worth, std::isnan(own) ? kNothing : own);
    }
    for (const auto& [id, model] : picture_.models) {
      if (mayGo(model)) candidates_.push_back(&model);
    }
    std::ranges::sort(candidates_, {}, [this](const ResidentModel* model) {
      const auto& group = groups_.at(keyOf(*model));
      return std::tuple(group.worth, group.lastUsed, model->lastUsed, model->id);
    });
  }

  std::optional<MemoryPlan> plan() {
    if (makeRoom()) return result();
    for (const auto connection : leaky()) {
      recycled_.insert(connection);
      unloaded_.clear();
      if (!makeRoom()) continue;
      keepWhatMayStay();
      return result();
    }
    return std::nullopt;
  }

 private:
  /// Alone, or with its group.
  using GroupKey = std::pair<std::string, ResidentId>;
  struct Group {
    unsigned users = 0;
    TimePoint lastUsed{};
    double worth = -std::numeric_limits<double>::infinity();
  };

  static GroupKey keyOf(const ResidentModel& model) {
    return {model.group, model.group.empty() ? model.id : 0};
  }
  bool mayGo(const ResidentModel& model) const {
    const bool ownGroup = !need_.group.empty() && model.group == need_.group;
    return !ownGroup && groups_.at(keyOf(model)).users == 0;
  }

  std::uint64_t chargeOf(ConnectionId connection) const {
    const bool recycled = recycled_.contains(connection);
    auto charge = picture_.connections.at(connection).empty;
    if (!recycled) charge = plus(charge, picture_.unexplained(connection));
    for (const auto& [id, model] : picture_.models) {
      if (model.connection != connection || unloaded_.contains(id)) continue;
      if (!recycled || !mayGo(model)) charge = plus(charge, model.bytes());
    }
    return charge;
  }
  bool fitsConnection() const {
    const auto now = need_.connection ? chargeOf(*need_.connection) : 0;
    return plus(now, need_.bytes) <= limits_.connection;
  }
  bool fitsPool() const {
    auto sum = need_.bytes;
    for (const auto& [id, memory] : picture_.connections) sum = plus(sum, chargeOf(id));
    return sum <= limits_.pool;
  }

  bool makeRoom() {
    for (const auto* model : candidates_) {
      if (fitsConnection()) break;
      if (model->connection == need_.connection) unload(*model);
    }
    for (const auto* model : candidates_) {
      if (fitsPool()) break;
      unload(*model);
    }
    if (!fitsConnection() || !fitsPool()) return false;
    // What was chosen early may no longer be needed; what is worth most stays first.
    for (auto model = candidates_.rbegin(); model != candidates_.rend(); ++model) {
      if (unloaded_.erase((*model)->id) == 0) continue;
      if (!fitsConnection() || !fitsPool()) unloaded_.insert((*model)->id);
    }
    return true;
  }
  void unload(const ResidentModel& model) {
    if (!recycled_.contains(model.connection)) unloaded_.insert(model.id);
  }

  /// Browsers that hold what nothing explains: those without work first, then the one that is asked
  /// for, then by how much.
  std::vector<ConnectionId> leaky() const {
    std::vector<ConnectionId> ids;
    for (const auto& [id, memory] : picture_.connections) {
      if (picture_.unexplained(id) > limits_.slack) ids.push_back(id);
    }
    std::ranges::sort(ids, {}, [this](ConnectionId id) {
      const bool busy = std::ranges::any_of(picture_.models, [id](const auto& entry) {
        return entry.second.connection == id && entry.second.users > 0;
      });
      return std::tuple(busy, need_.connection != id, ~picture_.unexplained(id), id);
    });
    return ids;
  }

  void keepWhatMayStay() {
    const auto order = leaky();
    for (auto id = order.rbegin(); id != order.rend(); ++id) {
      if (!recycled_.contains(*id) || recycled_.size() == 1) continue;
      const auto unloaded = unloaded_;
      recycled_.erase(*id);
      unloaded_.clear();
      if (makeRoom()) continue;
      recycled_.insert(*id);
      unloaded_ = unloaded;
    }
  }

  MemoryPlan result() const {
    MemoryPlan plan;
    for (const auto* model : candidates_) {
      if (unloaded_.contains(model->id)) plan.unload.push_back(model->id);
    }
    plan.recycle.assign(recycled_.begin(), recycled_.end());
    return plan;
  }

  const MemoryLimits& limits_;
  const MemoryPicture& picture_;
  const MemoryNeed& need_;
  std::map<GroupKey, Group> groups_;
  std::vector<const ResidentModel*> candidates_;  ///< in the order in which they go
  std::set<ResidentId> unloaded_;
  std::set<ConnectionId> recycled_;
};

std::uint64_t emptyOf(const MemoryPicture& picture, std::optional<ConnectionId> connection) {
  return connection ? picture.connections.at(*connection).empty : 0;
}

bool fitsAlone(const MemoryLimits& limits, const MemoryPicture& picture, const MemoryNeed& need) {
  return plus(emptyOf(picture, need.connection), need.bytes) <= limits.connection;
}

Error refusal(const MemoryLimits& limits, const MemoryPicture& picture, const MemoryNeed& need) {
  if (!fitsAlone(limits, picture, need)) {
    return {ErrorCategory::OutOfMemory,
            fmt::format("{} needs {}, and one browser may use {}, of which it takes {} itself",
                        need.what, mib(need.bytes), mib(limits.connection),
                        mib(emptyOf(picture, need.connection))),
            "raise the budget (--memory-budget, max_memory_mb; --browser-memory-budget bounds one "
            "browser), or use a smaller dtype or a smaller model"};
  }
  if (!everFits(limits, picture, need)) {
    return {ErrorCategory::OutOfMemory,
            fmt::format("{} needs {}, and all {} browsers together may use {}", need.what,
                        mib(need.bytes), picture.connections.size(), mib(limits.pool)),
            "raise the budget (--memory-budget, max_memory_mb), use fewer browsers, or a smaller "
            "dtype"};
  }
  std::uint64_t inUse = 0;
  for (const auto& [id, model] : picture.models) {
    if (model.users > 0) inUse = plus(inUse, model.bytes());
  }
  return {
      ErrorCategory::OutOfMemory,
      fmt::format("{} needs {}, and the memory budget ({} a browser, {} for the pool) has no "
                  "room for it beside the models in use ({})",
                  need.what, mib(need.bytes), mib(limits.connection), mib(limits.pool), mib(inUse)),
      "try again when they are done, close some, or raise the budget (--memory-budget, "
      "max_memory_mb)"};
}

}  // namespace

std::string nameOf(const ResidentModel& model) {
  return model.group.empty() ? std::to_string(model.id) : model.group;
}

std::uint64_t MemoryPicture::explained(ConnectionId connection) const {
  auto sum = connections.at(connection).empty;
  for (const auto& [id, model] : models) {
    if (model.connection == connection) sum = plus(sum, model.bytes());
  }
  return sum;
}

std::uint64_t MemoryPicture::unexplained(ConnectionId connection) const {
  const auto sampled = connections.at(connection).sampled.value_or(0);
  const auto known = explained(connection);
  return sampled > known ? sampled - known : 0;
}

Result<MemoryPlan> planMemory(const MemoryLimits& limits, const MemoryPicture& picture,
                              const MemoryNeed& need, const UnloadWorth& worth) {
  if (need.connection && !picture.connections.contains(*need.connection)) {
    return fail(ErrorCategory::WorkerLost, "the browser that was chosen is no longer there",
                "the same call can succeed on another browser");
  }
  if (auto plan = Planner(limits, picture, need, worth).plan()) return std::move(*plan);
  return std::unexpected(refusal(limits, picture, need));
}

bool everFits(const MemoryLimits& limits, const MemoryPicture& picture, const MemoryNeed& need) {
  auto sum = need.bytes;
  for (const auto& [id, memory] : picture.connections) sum = plus(sum, memory.empty);
  return fitsAlone(limits, picture, need) && sum <= limits.pool;
}

}  // namespace webpool::sched
