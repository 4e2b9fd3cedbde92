#include "pool/memory_keeper.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "pool/combination.h"

namespace webpool::pool {
namespace {

std::uint64_t orBoundless(std::uint64_t bytes) {
  return bytes > 0 ? bytes : std::numeric_limits<std::uint64_t>::max();
}

/// The components of one model belong together.
std::string groupOf(const Loaded& model) {
  const auto& description = model.source->description;
  return isComponent(description) ? description.cid : "";
}

/// As the choice of what to unload names it.
std::string nameOf(const Loaded& model) {
  auto group = groupOf(model);
  return group.empty() ? std::to_string(model.id) : group;
}

}  // namespace

MemoryKeeper::MemoryKeeper(std::uint64_t pool, std::uint64_t browser, Notice notice, Worth worth)
    : chosen_{pool, browser},
      notice_(std::move(notice)),
      worth_(std::move(worth)),
      budget_(limitsOf(chosen_)) {}

sched::MemoryLimits MemoryKeeper::limitsOf(const Chosen& chosen) {
  return {.pool = orBoundless(chosen.pool),
          .connection = orBoundless(chosen.browser > 0 ? chosen.browser : chosen.pool)};
}

void MemoryKeeper::shareMachine(std::uint64_t bytes) {
  if (chosen_.pool == 0) budget_.setLimits(limitsOf({bytes, chosen_.browser}));
}

void MemoryKeeper::sampled(std::uint64_t connection, std::uint64_t bytes) {
  if (!budget_.picture().connections.contains(connection)) {
    budget_.connectionOpened(connection, bytes);
  }
  budget_.connectionSampled(connection, bytes);
  noticeNoRoom(connection);
}

/// Nothing can be unloaded there, and a new browser would take as much.
void MemoryKeeper::noticeNoRoom(std::uint64_t connection) {
  if (!notice_ || !budget_.picture().models.empty()) return;
  const auto& limits = budget_.limits();
  constexpr double kMiB = 1 << 20;
  const auto say = [&](std::string_view what, std::uint64_t taken, std::uint64_t limit) {
    std::exchange(notice_, nullptr)(
        fmt::format("{} {:.0f} MiB without a model, and the memory budget is {:.0f} MiB: no model "
                    "fits until it is raised",
                    what, static_cast<double>(taken) / kMiB, static_cast<double>(limit) / kMiB));
  };
  const auto all = budget_.charged();
  const auto one = budget_.charged(connection);
  if (all > limits.pool) return say("the browsers take", all, limits.pool);
  if (one > limits.connection) say("a browser takes", one, limits.connection);
}

void MemoryKeeper::closed(std::uint64_t connection) {
  budget_.connectionClosed(connection);
}

KeptModel MemoryKeeper::keptModel(const sched::ResidentModel& model, base::TimePoint now) const {
  const auto nanoseconds = [](double seconds) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(seconds));
  };
  const auto facts = choice_.facts(budget_.picture(), model, now);
  KeptModel kept{.bytes = facts.bytes,
                 .load = nanoseconds(facts.loadSeconds),
                 .unused = now - facts.lastUsed,
                 .callsPerSecond = facts.callsPerSecond,
                 .chanceSoon = facts.chanceSoon,
                 .worth = facts.worth};
  const auto found = models_.find(model.id);
  if (const auto loaded = found == models_.end() ? nullptr : found->second.lock()) {
    const auto& description = loaded->source->description;
    kept.name = description.name;
    kept.task = description.task;
    kept.dtype = description.dtype;
  }
  return kept;
}

sched::UnloadWorth MemoryKeeper::worthNow(base::TimePoint now) const {
  if (!worth_) return choice_.worth(budget_.picture(), now);
  // A whole model is asked for once, whatever parts it has.
  auto asked = std::make_shared<std::map<std::string, double>>();
  return [this, now, asked](const sched::ResidentModel& model) {
    const auto [at, isNew] = asked->try_emplace(sched::nameOf(model), 0);
    if (isNew) at->second = worth_(keptModel(model, now));
    return at->second;
  };
}

Result<MemoryKeeper::Room> MemoryKeeper::roomFor(const Loaded& model, std::uint64_t connection,
                                                 base::TimePoint now) {
  if (!model.onThisMachine) return Room{};
  // Where no limit was chosen no load waits for the browser's first sample.
  if (!isOn() && !budget_.picture().connections.contains(connection)) return Room{};
  const auto plan = budget_.plan({.bytes = model.memory.peakBytes,
                                  .connection = connection,
                                  .group = groupOf(model),
                                  .what = model.source->description.name},
                                 worthNow(now));
  if (!plan) return std::unexpected(plan.error());
  Room room;
  for (const auto id : plan->unload) {
    const auto found = models_.find(id);
    const auto resident = found == models_.end() ? nullptr : found->second.lock();
    if (resident) {
      room.unload.push_back(resident);
    } else {
      budget_.modelRemoved(id);  // its page is being told already
    }
  }
  room.recycle = plan->recycle;
  return room;
}

void MemoryKeeper::loadBegan(const std::shared_ptr<Loaded>& model, std::uint64_t connection,
                             base::TimePoint now) {
  if (!model->onThisMachine) return;
  models_[model->id] = model;
  loading_[model->id] = now;
  known_[nameOf(*model)].insert(model->id);
  choice_.typed(nameOf(*model), model->source->description.task);
  budget_.modelPlaced({.id = model->id,
                       .connection = connection,
                       .group = groupOf(*model),
                       .estimated = model->memory.peakBytes,
                       .lastUsed = now,
                       .users = 1});
}

void MemoryKeeper::loadEnded(const Loaded& model, bool there, base::TimePoint now) {
  if (!model.onThisMachine) return;
  const auto began = loading_.extract(model.id);
  if (!there) return gone(model);
  if (began) choice_.loaded(nameOf(model), now - began.mapped());
  budget_.modelEstimated(model.id, model.memory.residentBytes);
  budget_.modelReleased(model.id, now);
}

void MemoryKeeper::runBegan(const Loaded& model, base::TimePoint now) {
  if (!model.onThisMachine) return;
  if (const auto name = nameOf(model); known_.contains(name)) choice_.asked(name, now);
  budget_.modelTaken(model.id, now);
}

void MemoryKeeper::runEnded(const Loaded& model, base::TimePoint now) {
  if (model.onThisMachine) budget_.modelReleased(model.id, now);
}

void MemoryKeeper::forget(const Loaded& model) {
  const auto known = known_.find(nameOf(model));
  if (known == known_.end() || known->second.erase(model.id) == 0) return;
  if (!known->second.empty()) return;
  choice_.forget(known->first);
  known_.erase(known);
}

void MemoryKeeper::gone(const Loaded& model) {
  if (!model.onThisMachine) return;
  models_.erase(model.id);
  loading_.erase(model.id);
  budget_.modelRemoved(model.id);
}

}  // namespace webpool::pool
