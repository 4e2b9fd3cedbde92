// A pool of simulated workers: no browser, no model, only times that are drawn. What decides is the
// pool's own: src/sched's queue, predictor, placement, exploration and choice of what is unloaded.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <vector>

#include "sched/exploration.h"
#include "sched/placement_index.h"
#include "sched/request_queue.h"
#include "sched/run_predictor.h"
#include "sched/unload_choice.h"

namespace webpool::bench {

using base::Duration;
using base::TimePoint;

struct SimulatedModel {
  std::string name;
  std::string type;                     ///< "text", "vision", "audio"
  sched::RunTerms truth{};              ///< of an engine of factor 1
  std::vector<double> engineFactors{};  ///< one an engine
  Duration load{};
  std::uint64_t bytes = 0;
};

struct SimulatedCall {
  TimePoint at{};
  std::uint32_t model = 0;
  double length = 0;
  double noise = 1;  ///< what its run takes, as a share of what its size says; nobody can know it
};

/// How the engine and the worker of a call are chosen.
enum class Policy { Learned, OneEngine, Table, RoundRobin, LeastLoaded };

struct SimulatedPoolOptions {
  std::vector<std::string> engines;  ///< browsers' names
  std::vector<SimulatedModel> models;
  bool allEngines = false;  ///< each worker has all engines on its one core, or one of them in turn
  Policy policy = Policy::Learned;
  std::uint32_t engine = 0;  ///< of OneEngine
  bool trueTimes = false;    ///< what a run will take is known, noise and all
  std::uint64_t memory = 0;  ///< bytes a worker; 0: all models are resident everywhere
  std::uint64_t maxBatch = 16;
  std::vector<sched::SavedRuns> learned{};  ///< in an earlier simulation
};

struct SimulationResult {
  std::uint64_t calls = 0;
  std::uint64_t decisions = 0;
  std::uint64_t loads = 0;
  std::uint64_t tries = 0;       ///< calls that tried a little known engine
  std::vector<float> waits;      ///< ms, until the run begins
  std::vector<float> latencies;  ///< ms, until the answer
  Duration makespan{};           ///< first call to last answer, simulated
  double busyWorkerMs = 0;
};

double quantileOf(std::vector<float> values, double share);

class SimulatedPool {
 public:
  /// Called each simulated second.
  using Tick = std::function<void(TimePoint)>;

  explicit SimulatedPool(SimulatedPoolOptions options);

  /// Models in turn until its memory is full.
  std::uint32_t addWorker();
  /// It ends what it has and takes no more. False: it is gone or draining already.
  bool drain(std::uint32_t worker);
  /// What it had is asked for again.
  void crash(std::uint32_t worker);

  SimulationResult run(std::span<const SimulatedCall> calls, const Tick& tick = {});

  std::vector<sched::SavedRuns> learned() const { return predictor_.save(); }

  /// Workers that take work, by number.
  std::vector<std::uint32_t> serving() const;
  std::uint64_t waiting() const noexcept { return waitingCalls_; }
  std::optional<TimePoint> oldestWaiting() const;
  /// Time that workers were busy until now, all together.
  double busyMs(TimePoint now) const;

 private:
  struct Run {
    std::vector<sched::JobId> calls;  ///< none: the model is loaded
    std::uint32_t model = 0;
    sched::EngineIndex engine = 0;
    sched::RunSize size{};
    Duration expected{};
    Duration actual{};

    bool isLoad() const { return calls.empty(); }
  };
  /// Time of a worker that is kept for a call that waits; whose turn it is by then gets it.
  struct Kept {
    std::uint32_t model = 0;
    sched::EngineIndex engine = 0;
    double length = 0;
    Duration time{};  ///< with the load
    Duration load{};  ///< until it has begun
  };
  struct Worker {
    bool alive = true;
    bool draining = false;
    std::vector<sched::WorkerIndex> places;  ///< in the index, one an engine that it has
    std::vector<std::uint32_t> resident;
    std::vector<std::uint16_t> uses;  ///< by model: runs that are open, and time that is kept
    std::deque<Run> open;             ///< the first one computes
    std::deque<Kept> kept;
    Duration keptTime{};
    TimePoint begun{};
    std::uint32_t life = 0;
  };
  struct Event {
    TimePoint at{};
    std::uint32_t worker = 0;
    std::uint32_t life = 0;
    bool operator>(const Event& other) const { return at > other.at; }
  };
  struct Place {
    std::uint32_t worker = 0;
    sched::EngineIndex engine = 0;
    Duration load{};
    Duration total{};
  };

  void arrive(sched::JobId id);
  void settle(sched::JobId id);
  Duration predicted(std::uint32_t model, sched::EngineIndex engine, const sched::RunSize& size,
                     double noise, double* sigma = nullptr) const;
  double truth(std::uint32_t model, sched::EngineIndex engine, const sched::RunSize& size) const;
  void priceEngines(std::uint32_t model, const sched::RunSize& size, double noise);
  std::optional<Place> place(sched::JobId id);
  std::optional<Place> placeByIndex(sched::JobId id);
  Place placeInTurn();
  Place placeLeastLoaded();
  bool mayUse(std::uint32_t model, sched::EngineIndex engine) const;
  void makeRoom(Worker& worker, std::uint32_t model);
  void use(Worker& worker, std::uint32_t model);
  void unuse(Worker& worker, std::uint32_t model);
  void tellRoom(const Worker& worker);
  sched::EngineIndex bestEngineOf(const Worker& worker, const Kept& kept);
  /// No call is bound behind a load: whose turn it is when that has ended goes.
  static bool mayOpen(const Worker& worker);
  void openKept(std::uint32_t index);
  void launch(std::uint32_t index, std::uint32_t model, sched::EngineIndex engine);
  void open(std::uint32_t index, Run run);
  void begin(std::uint32_t index);
  void complete(const Event& event);
  void refill(std::uint32_t index);
  void steal(std::uint32_t index);
  /// By what is known now: much less was when the first calls were placed.
  void priceAnew(Worker& worker);
  void refresh(std::uint32_t index);
  void leave(std::uint32_t index);

  SimulatedPoolOptions options_;
  sched::RunPredictor predictor_;
  std::vector<std::vector<sched::RunKeyId>> keys_;  ///< by model and engine
  std::vector<sched::Exploration> explorations_;
  sched::UnloadChoice unloads_;
  sched::PlacementIndex index_;
  std::vector<std::unique_ptr<sched::RequestQueue>> queues_;
  std::vector<Worker> workers_;
  std::vector<std::uint32_t> workerOf_;       ///< by place
  std::vector<sched::EngineIndex> engineOf_;  ///< by place
  std::vector<sched::EngineCost> prices_;     ///< scratch
  std::vector<sched::EngineChance> chances_;  ///< scratch
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::span<const SimulatedCall> calls_;
  SimulationResult result_;
  TimePoint now_{};
  std::uint64_t waitingCalls_ = 0;
  std::uint64_t turn_ = 0;
  std::uint32_t nextModel_ = 0;
};

}  // namespace webpool::bench
