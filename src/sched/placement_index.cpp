#include "sched/placement_index.h"

#include <algorithm>
#include <bit>
#include <queue>

namespace webpool::sched {
namespace {

constexpr std::size_t kArity = 4;
/// Of the workers that may have the room or not, so many are asked.
constexpr int kRoomTries = 32;

}  // namespace

/// What is looked for, and the best so far.
struct PlacementIndex::Search {
  const PlacementNeed& need;
  std::int64_t now = 0;
  std::optional<Placement> best{};

  bool isWorthwhile(std::int64_t total) const { return !best || total < best->total.count(); }
};

WorkerIndex PlacementIndex::addWorker(EngineIndex engine, std::uint64_t room) {
  auto index = static_cast<WorkerIndex>(workers_.size());
  if (free_.empty()) {
    workers_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  workers_[index] = {.engine = engine, .room = room, .models = {}};
  workers_[index].roomNode = join(engineAt(engine).byRoom[roomOf(room)], index);
  return index;
}

void PlacementIndex::removeWorker(WorkerIndex index) {
  auto& worker = workers_[index];
  leave(worker.roomNode);
  for (const auto& [model, node] : worker.models) leave(node);
  worker.models.clear();
  free_.push_back(index);
}

void PlacementIndex::addModel(WorkerIndex index, ModelIndex model) {
  if (holds(index, model)) return;
  auto& worker = workers_[index];
  worker.models.emplace_back(model, join(groupAt(worker.engine, model), index));
}

void PlacementIndex::removeModel(WorkerIndex index, ModelIndex model) {
  auto& models = workers_[index].models;
  const auto at = std::ranges::find(models, model, &std::pair<ModelIndex, NodeIndex>::first);
  if (at == models.end()) return;
  leave(at->second);
  models.erase(at);
}

bool PlacementIndex::holds(WorkerIndex index, ModelIndex model) const {
  const auto& models = workers_[index].models;
  return std::ranges::find(models, model, &std::pair<ModelIndex, NodeIndex>::first) != models.end();
}

template <class Change>
void PlacementIndex::change(WorkerIndex index, Change change) {
  auto& worker = workers_[index];
  const bool wasBusy = worker.busy;
  change(worker);
  const auto key = keyOf(worker);
  const auto update = [&](NodeIndex id) {
    auto& node = nodes_[id];
    auto& heap = heapOf(*node.group, worker);
    if (wasBusy == worker.busy) {
      if (heap[node.position].key != key) restore(heap, node.position, {key, id});
      return;
    }
    eraseAt(wasBusy ? node.group->busy : node.group->idle, node.position);
    push(heap, {key, id});
  };
  update(worker.roomNode);
  for (const auto& [model, node] : worker.models) update(node);
}

void PlacementIndex::setBusy(WorkerIndex worker, TimePoint until) {
  change(worker, [&](Worker& w) {
    w.busy = true;
    w.until = until.time_since_epoch().count();
  });
}

void PlacementIndex::setIdle(WorkerIndex worker) {
  change(worker, [](Worker& w) { w.busy = false; });
}

void PlacementIndex::setRisk(WorkerIndex worker, Duration risk) {
  change(worker, [&](Worker& w) { w.risk = risk.count(); });
}

void PlacementIndex::setRoom(WorkerIndex index, std::uint64_t room) {
  auto& worker = workers_[index];
  const bool stays = roomOf(worker.room) == roomOf(room);
  worker.room = room;
  if (stays) return;
  leave(worker.roomNode);
  worker.roomNode = join(engineAt(worker.engine).byRoom[roomOf(room)], index);
}

std::size_t PlacementIndex::roomOf(std::uint64_t bytes) noexcept {
  return std::min<std::size_t>(kRooms - 1, std::bit_width(bytes >> 20));
}

PlacementIndex::Engine& PlacementIndex::engineAt(EngineIndex engine) {
  while (engines_.size() <= engine) engines_.push_back(std::make_unique<Engine>());
  return *engines_[engine];
}

PlacementIndex::Group& PlacementIndex::groupAt(EngineIndex engine, ModelIndex model) {
  auto& byModel = engineAt(engine).byModel;
  if (byModel.size() <= model) byModel.resize(model + 1);
  if (!byModel[model]) byModel[model] = groups_.emplace_back(std::make_unique<Group>()).get();
  return *byModel[model];
}

PlacementIndex::NodeIndex PlacementIndex::join(Group& group, WorkerIndex worker) {
  auto id = static_cast<NodeIndex>(nodes_.size());
  if (freeNodes_.empty()) {
    nodes_.emplace_back();
  } else {
    id = freeNodes_.back();
    freeNodes_.pop_back();
  }
  nodes_[id] = {&group, worker, 0};
  push(heapOf(group, workers_[worker]), {keyOf(workers_[worker]), id});
  return id;
}

void PlacementIndex::leave(NodeIndex id) {
  auto& node = nodes_[id];
  eraseAt(heapOf(*node.group, workers_[node.worker]), node.position);
  freeNodes_.push_back(id);
}

void PlacementIndex::place(Heap& heap, std::size_t position, Entry entry) {
  heap[position] = entry;
  nodes_[entry.node].position = static_cast<std::uint32_t>(position);
}

void PlacementIndex::push(Heap& heap, Entry entry) {
  heap.emplace_back();
  up(heap, heap.size() - 1, entry);
}

void PlacementIndex::eraseAt(Heap& heap, std::size_t position) {
  const auto last = heap.back();
  heap.pop_back();
  if (position < heap.size()) restore(heap, position, last);
}

void PlacementIndex::restore(Heap& heap, std::size_t position, Entry entry) {
  const bool rises = position > 0 && entry.key < heap[(position - 1) / kArity].key;
  if (rises) {
    up(heap, position, entry);
  } else {
    down(heap, position, entry);
  }
}

void PlacementIndex::up(Heap& heap, std::size_t position, Entry entry) {
  while (position > 0) {
    const auto parent = (position - 1) / kArity;
    if (heap[parent].key <= entry.key) break;
    place(heap, position, heap[parent]);
    position = parent;
  }
  place(heap, position, entry);
}

void PlacementIndex::down(Heap& heap, std::size_t position, Entry entry) {
  for (;;) {
    const auto first = position * kArity + 1;
    if (first >= heap.size()) break;
    auto least = first;
    for (auto child = first + 1; child < std::min(first + kArity, heap.size()); ++child) {
      if (heap[child].key < heap[least].key) least = child;
    }
    if (heap[least].key >= entry.key) break;
    place(heap, position, heap[least]);
    position = least;
  }
  place(heap, position, entry);
}

std::optional<Placement> PlacementIndex::best(const PlacementNeed& need, TimePoint now) const {
  Search search{need, now.time_since_epoch().count()};
  for (const auto& cost : need.engines) searchEngine(cost, search);
  return search.best;
}

namespace {

/// The entry of the least key that is accepted: the top, or what lies below it, in the order of the
/// keys, without taking anything out.
template <class Heap, class Accepts>
auto firstIn(const Heap& heap, Accepts accepts) -> const typename Heap::value_type* {
  if (heap.empty() || accepts(heap.front())) return heap.empty() ? nullptr : heap.data();
  const auto later = [&](std::size_t a, std::size_t b) { return heap[a].key > heap[b].key; };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> open(later);
  std::size_t at = 0;
  for (;;) {
    const auto first = at * kArity + 1;
    for (auto child = first; child < std::min(first + kArity, heap.size()); ++child)
      open.push(child);
    if (open.empty()) return nullptr;
    at = open.top();
    open.pop();
    if (accepts(heap[at])) return &heap[at];
  }
}

}  // namespace

void PlacementIndex::searchEngine(const EngineCost& cost, Search& search) const {
  if (cost.engine >= engines_.size()) return;
  const auto& engine = *engines_[cost.engine];
  if (search.need.model < engine.byModel.size() && engine.byModel[search.need.model])
    searchGroup(*engine.byModel[search.need.model], cost, true, false, search);
  if (cost.mayLoad) searchRooms(engine, cost, search);
}

void PlacementIndex::searchRooms(const Engine& engine, const EngineCost& cost,
                                 Search& search) const {
  // No worker is better than one that is idle and without a risk.
  if (!search.isWorthwhile((cost.run + cost.load).count())) return;
  const auto least = roomOf(search.need.bytes);
  for (auto room = least; room < kRooms; ++room)
    searchGroup(engine.byRoom[room], cost, false, room == least, search);
}

void PlacementIndex::searchGroup(const Group& group, const EngineCost& cost, bool resident,
                                 bool mayLackRoom, Search& search) const {
  const auto& need = search.need;
  const auto fixed = (cost.run + (resident ? Duration::zero() : cost.load)).count();
  const auto consider = [&](const Heap& heap, bool busy) {
    if (heap.empty()) return;
    // A busy worker's key is a time, an idle one's a risk.
    const auto lead = busy ? search.now : 0;
    if (!search.isWorthwhile(fixed + std::max<std::int64_t>(0, heap.front().key - lead))) return;
    int tries = 0;
    const auto* entry = firstIn(heap, [&](const Entry& candidate) {
      const auto worker = nodes_[candidate.node].worker;
      if (mayLackRoom && workers_[worker].room < need.bytes) return ++tries > kRoomTries;
      return !need.allowed || (*need.allowed)(worker);
    });
    if (!entry || tries > kRoomTries) return;
    const auto& worker = workers_[nodes_[entry->node].worker];
    const auto wait = busy ? std::max<std::int64_t>(0, worker.until - search.now) : 0;
    const auto total = fixed + std::max<std::int64_t>(0, entry->key - lead);
    if (!search.isWorthwhile(total)) return;
    search.best = {nodes_[entry->node].worker, cost.engine, resident, Duration(wait),
                   Duration(total)};
  };
  consider(group.idle, false);
  consider(group.busy, true);
}

}  // namespace webpool::sched
