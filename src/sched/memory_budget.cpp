#include "sched/memory_budget.h"

#include <algorithm>
#include <utility>

namespace webpool::sched {
namespace {

void shift(std::optional<std::uint64_t>& sampled, std::uint64_t before, std::uint64_t after) {
  if (!sampled) return;
  *sampled += after;
  *sampled -= std::min(*sampled, before);
}

}  // namespace

void MemoryBudget::connectionOpened(ConnectionId connection, std::uint64_t empty) {
  connectionClosed(connection);
  picture_.connections[connection] = {empty, std::nullopt};
}

void MemoryBudget::connectionClosed(ConnectionId connection) {
  std::erase_if(picture_.models, [&](const auto& entry) {
    if (entry.second.connection != connection) return false;
    unsampled_.erase(entry.first);
    return true;
  });
  picture_.connections.erase(connection);
}

void MemoryBudget::connectionSampled(ConnectionId connection, std::uint64_t bytes) {
  const auto found = picture_.connections.find(connection);
  if (found == picture_.connections.end()) return;
  found->second.sampled = bytes;
  for (const auto& [id, model] : picture_.models) {
    if (model.connection == connection) unsampled_[id] = false;
  }
}

void MemoryBudget::modelPlaced(ResidentModel model) {
  const auto found = picture_.connections.find(model.connection);
  if (found == picture_.connections.end()) return;
  modelRemoved(model.id);
  shift(found->second.sampled, 0, model.bytes());
  unsampled_[model.id] = true;
  const auto id = model.id;
  picture_.models.emplace(id, std::move(model));
}

template <class Change>
void MemoryBudget::change(ResidentId id, Change change) {
  const auto found = picture_.models.find(id);
  if (found == picture_.models.end()) return;
  auto& model = found->second;
  const auto before = model.bytes();
  change(model);
  if (!unsampled_[id]) return;  // the sample has it already
  shift(picture_.connections.at(model.connection).sampled, before, model.bytes());
}

void MemoryBudget::modelEstimated(ResidentId id, std::uint64_t bytes) {
  change(id, [&](ResidentModel& model) { model.estimated = bytes; });
}

void MemoryBudget::modelMeasured(ResidentId id, std::uint64_t bytes) {
  change(id, [&](ResidentModel& model) { model.measured = bytes; });
}

void MemoryBudget::modelTaken(ResidentId id, TimePoint now) {
  change(id, [&](ResidentModel& model) {
    ++model.users;
    model.lastUsed = std::max(model.lastUsed, now);
  });
}

void MemoryBudget::modelReleased(ResidentId id, TimePoint now) {
  change(id, [&](ResidentModel& model) {
    if (model.users > 0) --model.users;
    model.lastUsed = std::max(model.lastUsed, now);
  });
}

void MemoryBudget::modelRemoved(ResidentId id) {
  const auto found = picture_.models.find(id);
  if (found == picture_.models.end()) return;
  const auto& model = found->second;
  shift(picture_.connections.at(model.connection).sampled, model.bytes(), 0);
  picture_.models.erase(found);
  unsampled_.erase(id);
}

std::uint64_t MemoryBudget::unexplained(ConnectionId connection) const {
  return picture_.connections.contains(connection) ? picture_.unexplained(connection) : 0;
}

std::uint64_t MemoryBudget::charged(ConnectionId connection) const {
  if (!picture_.connections.contains(connection)) return 0;
  return picture_.explained(connection) + picture_.unexplained(connection);
}

std::uint64_t MemoryBudget::charged() const {
  std::uint64_t sum = 0;
  for (const auto& [id, memory] : picture_.connections) sum += charged(id);
  return sum;
}

}  // namespace webpool::sched
