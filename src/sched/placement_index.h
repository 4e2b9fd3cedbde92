// Finds among many workers the one that is expected to be done with a call first, without looking
// at each: for every model and engine a heap of the workers that hold it, by when they are free,
// and for every engine heaps of the workers by the room they have. Pure: no clock, no thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

/// Small numbers from 0 on that the caller gives to its models, and to what predictions are made
/// for: a browser with a backend on a device.
using ModelIndex = std::uint32_t;
using EngineIndex = std::uint32_t;
/// Given by the index; one that was removed may come again for another worker.
using WorkerIndex = std::uint32_t;

/// What a call costs on an engine.
struct EngineCost {
  EngineIndex engine = 0;
  Duration run{};   ///< predicted
  Duration load{};  ///< where the model is not resident
  bool mayLoad = true;
};

struct PlacementNeed {
  ModelIndex model = 0;
  std::uint64_t bytes = 0;              ///< what loading it takes
  std::span<const EngineCost> engines;  ///< those that the caller leaves open
  /// Which workers may get it; nullptr: all. Asked only of those that would be the best.
  const std::function<bool(WorkerIndex)>* allowed = nullptr;
};

struct Placement {
  WorkerIndex worker = 0;
  EngineIndex engine = 0;
  bool resident = false;
  Duration wait{};   ///< for the queue ahead of it
  Duration total{};  ///< queue ahead + load + run + risk
};

/// Each change takes time logarithmic in the number of workers for each model that its worker
/// holds. Not thread-safe. Workers must be known.
class PlacementIndex {
 public:
  /// Idle, without a model. `room`: bytes that models may take there, by unloading idle ones too.
  WorkerIndex addWorker(EngineIndex engine, std::uint64_t room);
  void removeWorker(WorkerIndex worker);
  std::size_t size() const noexcept { return workers_.size() - free_.size(); }

  void addModel(WorkerIndex worker, ModelIndex model);
  void removeModel(WorkerIndex worker, ModelIndex model);
  bool holds(WorkerIndex worker, ModelIndex model) const;

  /// Its runs are expected to be done then. One that is late stays behind those that are idle; how
  /// late it is counts against its risk, so tell a new time when it is known.
  void setBusy(WorkerIndex worker, TimePoint until);
  void setIdle(WorkerIndex worker);
  /// What a failure there would cost times how likely it is.
  void setRisk(WorkerIndex worker, Duration risk);
  void setRoom(WorkerIndex worker, std::uint64_t room);

  /// The least expected completion; none where no worker is allowed. Of equal ones one that is
  /// idle, then one that holds the model.
  std::optional<Placement> best(const PlacementNeed& need, TimePoint now) const;

 private:
  using NodeIndex = std::uint32_t;
  /// 4-ary, the least key first.
  struct Entry {
    std::int64_t key = 0;
    NodeIndex node = 0;
  };
  using Heap = std::vector<Entry>;
  /// Workers that are alike: those idle by their risk, those busy by when they are free.
  struct Group {
    Heap idle;
    Heap busy;
  };
  /// A worker's place in one group.
  struct Node {
    Group* group = nullptr;
    WorkerIndex worker = 0;
    std::uint32_t position = 0;
  };
  struct Worker {
    EngineIndex engine = 0;
    bool busy = false;
    std::int64_t until = 0;
    std::int64_t risk = 0;
    std::uint64_t room = 0;
    NodeIndex roomNode = 0;
    std::vector<std::pair<ModelIndex, NodeIndex>> models;
  };
  /// By the power of two of the MiB.
  static constexpr std::size_t kRooms = 24;
  struct Engine {
    std::vector<Group*> byModel;  ///< nullptr: no worker ever held it
    std::array<Group, kRooms> byRoom;
  };
  struct Search;

  static std::size_t roomOf(std::uint64_t bytes) noexcept;
  static std::int64_t keyOf(const Worker& worker) noexcept {
    return worker.busy ? worker.until + worker.risk : worker.risk;
  }
  Heap& heapOf(Group& group, const Worker& worker) const noexcept {
    return worker.busy ? group.busy : group.idle;
  }
  Engine& engineAt(EngineIndex engine);
  Group& groupAt(EngineIndex engine, ModelIndex model);

  NodeIndex join(Group& group, WorkerIndex worker);
  void leave(NodeIndex node);
  void push(Heap& heap, Entry entry);
  void eraseAt(Heap& heap, std::size_t position);
  void place(Heap& heap, std::size_t position, Entry entry);
  void up(Heap& heap, std::size_t position, Entry entry);
  void down(Heap& heap, std::size_t position, Entry entry);
  void restore(Heap& heap, std::size_t position, Entry entry);
  template <class Change>
  void change(WorkerIndex worker, Change change);

  void searchEngine(const EngineCost& cost, Search& search) const;
  void searchGroup(const Group& group, const EngineCost& cost, bool resident, bool mayLackRoom,
                   Search& search) const;
  void searchRooms(const Engine& engine, const EngineCost& cost, Search& search) const;

  std::vector<Worker> workers_;
  std::vector<WorkerIndex> free_;
  std::vector<Node> nodes_;
  std::vector<NodeIndex> freeNodes_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<std::unique_ptr<Group>> groups_;
};

}  // namespace webpool::sched
