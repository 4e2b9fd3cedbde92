#include "simulated_pool.h"

#include <algorithm>
#include <cmath>

namespace webpool::bench {
namespace {

/// One that computes, and one that lies ready.
constexpr std::size_t kOpen = 2;
constexpr Duration kTick = std::chrono::seconds(1);

Duration fromMs(double ms) {
  return Duration(static_cast<std::int64_t>(ms * 1e6));
}
float toMs(Duration duration) {
  return static_cast<float>(double(duration.count()) / 1e6);
}

const std::function<bool(sched::JobId)> kAnyCall = [](sched::JobId) { return true; };

}  // namespace

double quantileOf(std::vector<float> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * double(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(at));
  return double(values[at]);
}

SimulatedPool::SimulatedPool(SimulatedPoolOptions options)
    : options_(std::move(options)), explorations_(options_.models.size()) {
  for (const auto& saved : options_.learned) (void)predictor_.restore(saved);
  for (const auto& model : options_.models) {
    auto& keys = keys_.emplace_back();
    for (const auto& engine : options_.engines)
      keys.push_back(predictor_.idOf({.model = model.name, .browser = engine}, model.type));
    queues_.push_back(
        std::make_unique<sched::RequestQueue>(sched::QueueOptions{.capacity = 1u << 30}));
    unloads_.typed(model.name, model.type);
    unloads_.loaded(model.name, model.load);
  }
}

std::uint32_t SimulatedPool::addWorker() {
  const auto index = static_cast<std::uint32_t>(workers_.size());
  auto& worker = workers_.emplace_back();
  worker.uses.resize(options_.models.size());
  const auto engines = static_cast<std::uint32_t>(options_.engines.size());
  std::uint64_t used = 0;
  for (std::uint32_t i = 0; i < options_.models.size(); ++i) {
    const auto model = options_.memory == 0 ? i : nextModel_ % options_.models.size();
    used += options_.models[model].bytes;
    if (options_.memory > 0 && used > options_.memory) break;
    ++nextModel_;
    worker.resident.push_back(static_cast<std::uint32_t>(model));
  }
  for (std::uint32_t engine = 0; engine < engines; ++engine) {
    if (!options_.allEngines && engine != index % engines) continue;
    const auto place = index_.addWorker(engine, options_.memory);
    if (workerOf_.size() <= place) {
      workerOf_.resize(place + 1);
      engineOf_.resize(place + 1);
    }
    workerOf_[place] = index;
    engineOf_[place] = engine;
    for (const auto model : worker.resident) index_.addModel(place, model);
    worker.places.push_back(place);
  }
  if (!calls_.empty()) steal(index);
  return index;
}

double SimulatedPool::truth(std::uint32_t model, sched::EngineIndex engine,
                            const sched::RunSize& size) const {
  const auto& facts = options_.models[model];
  return facts.engineFactors[engine] * sched::timeOf(facts.truth, size);
}

Duration SimulatedPool::predicted(std::uint32_t model, sched::EngineIndex engine,
                                  const sched::RunSize& size, double noise, double* sigma) const {
  if (options_.trueTimes) return fromMs(noise * truth(model, engine, size));
  const auto prediction = predictor_.predict(keys_[model][engine], size);
  if (sigma) *sigma = prediction.sigma;
  return fromMs(prediction.ms);
}

bool SimulatedPool::mayUse(std::uint32_t model, sched::EngineIndex engine) const {
  if (options_.policy == Policy::OneEngine) return engine == options_.engine;
  if (options_.policy != Policy::Table) return true;
  const auto& type = options_.models[model].type;
  const auto factor = [&](const std::string& name) { return sched::tableFactor(type, name); };
  const auto best = std::ranges::min_element(options_.engines, {}, factor);
  return engine == static_cast<std::uint32_t>(best - options_.engines.begin());
}

void SimulatedPool::priceEngines(std::uint32_t model, const sched::RunSize& size, double noise) {
  prices_.clear();
  for (sched::EngineIndex engine = 0; engine < options_.engines.size(); ++engine) {
    if (!mayUse(model, engine)) continue;
    prices_.push_back({engine, predicted(model, engine, size, noise), options_.models[model].load,
                       options_.memory > 0});
  }
}

void SimulatedPool::arrive(sched::JobId id) {
  const auto& call = calls_[id];
  (void)queues_[call.model]->admit({.id = id,
                                    .kind = options_.maxBatch > 1 ? 1u : 0u,
                                    .length = static_cast<std::uint64_t>(call.length)},
                                   now_);
  ++waitingCalls_;
  if (options_.memory > 0) unloads_.asked(options_.models[call.model].name, now_);
  settle(id);
}

void SimulatedPool::settle(sched::JobId id) {
  const auto found = place(id);
  if (!found) return;
  const auto& call = calls_[id];
  auto& worker = workers_[found->worker];
  if (found->load > Duration::zero()) {
    makeRoom(worker, call.model);
    ++result_.loads;
  }
  if (found->load == Duration::zero() && mayOpen(worker) && worker.kept.empty()) {
    launch(found->worker, call.model, found->engine);
  } else {
    const auto time =
        found->load + predicted(call.model, found->engine, {1, call.length}, call.noise);
    use(worker, call.model);
    worker.kept.push_back({call.model, found->engine, call.length, time, found->load});
    worker.keptTime += time;
    openKept(found->worker);
  }
  refresh(found->worker);
}

std::optional<SimulatedPool::Place> SimulatedPool::place(sched::JobId id) {
  ++result_.decisions;
  switch (options_.policy) {
    case Policy::RoundRobin:
      return placeInTurn();
    case Policy::LeastLoaded:
      return placeLeastLoaded();
    default:
      return placeByIndex(id);
  }
}

SimulatedPool::Place SimulatedPool::placeInTurn() {
  const auto turn = turn_++;
  const auto engines = options_.engines.size();
  return {static_cast<std::uint32_t>((turn / engines) % workers_.size()),
          static_cast<sched::EngineIndex>(turn % engines),
          {},
          {}};
}

SimulatedPool::Place SimulatedPool::placeLeastLoaded() {
  const auto load = [](const Worker& worker) { return worker.open.size() + worker.kept.size(); };
  const auto least = std::ranges::min_element(workers_, {}, load);
  return {static_cast<std::uint32_t>(least - workers_.begin()),
          static_cast<sched::EngineIndex>(turn_++ % options_.engines.size()),
          {},
          {}};
}

std::optional<SimulatedPool::Place> SimulatedPool::placeByIndex(sched::JobId id) {
  const auto& call = calls_[id];
  priceEngines(call.model, {1, call.length}, call.noise);
  sched::PlacementNeed need{call.model, options_.models[call.model].bytes, prices_};
  auto best = index_.best(need, now_);
  if (options_.policy == Policy::Learned && !options_.trueTimes && best) {
    chances_.clear();
    std::vector<std::optional<sched::Placement>> places;
    bool littleKnown = false;
    for (const auto& price : prices_) {
      const auto known = predictor_.predict(keys_[call.model][price.engine], {1, call.length});
      littleKnown = littleKnown || known.observations < 8;
      chances_.push_back({price.run, fromMs(known.sigma), known.observations, {}});
    }
    auto& exploration = explorations_[call.model];
    if (!littleKnown) {
      (void)exploration.choose({}, {});  // it counts as a call all the same
    } else {
      for (std::size_t i = 0; i < prices_.size(); ++i) {
        need.engines = std::span(prices_).subspan(i, 1);
        places.push_back(index_.best(need, now_));
        chances_[i].expected = places[i] ? places[i]->total : Duration::max() / 8;
      }
      if (const auto tried = exploration.choose({}, chances_)) {
        best = places[*tried];
        ++result_.tries;
      }
    }
  }
  if (!best) return std::nullopt;
  return Place{workerOf_[best->worker], best->engine,
               best->resident ? Duration::zero() : options_.models[call.model].load, best->total};
}

void SimulatedPool::use(Worker& worker, std::uint32_t model) {
  if (worker.uses[model]++ == 0) tellRoom(worker);
}

void SimulatedPool::unuse(Worker& worker, std::uint32_t model) {
  if (--worker.uses[model] == 0) tellRoom(worker);
}

void SimulatedPool::tellRoom(const Worker& worker) {
  if (options_.memory == 0 || worker.draining) return;
  std::uint64_t used = 0;
  for (const auto model : worker.resident) {
    if (worker.uses[model] > 0) used += options_.models[model].bytes;
  }
  for (const auto place : worker.places) index_.setRoom(place, options_.memory - used);
}

void SimulatedPool::makeRoom(Worker& worker, std::uint32_t model) {
  sched::MemoryPicture picture;
  picture.connections[1] = {};
  for (const auto resident : worker.resident) {
    picture.models[resident + 1] = {.id = resident + 1,
                                    .connection = 1,
                                    .group = options_.models[resident].name,
                                    .estimated = options_.models[resident].bytes,
                                    .users = worker.uses[resident]};
  }
  // The index has said that there is room.
  const auto plan =
      sched::planMemory({.pool = options_.memory, .connection = options_.memory}, picture,
                        {.bytes = options_.models[model].bytes, .connection = 1},
                        unloads_.worth(picture, now_))
          .value();
  for (const auto id : plan.unload) {
    const auto gone = static_cast<std::uint32_t>(id - 1);
    std::erase(worker.resident, gone);
    for (const auto place : worker.places) index_.removeModel(place, gone);
  }
  worker.resident.push_back(model);
  for (const auto place : worker.places) index_.addModel(place, model);
}

bool SimulatedPool::mayOpen(const Worker& worker) {
  return worker.open.size() < kOpen && (worker.open.empty() || !worker.open.back().isLoad());
}

void SimulatedPool::openKept(std::uint32_t index) {
  auto& worker = workers_[index];
  while (mayOpen(worker) && !worker.kept.empty()) {
    if (auto& first = worker.kept.front(); first.load > Duration::zero()) {
      const auto load = std::exchange(first.load, {});
      first.time -= load;
      worker.keptTime -= load;
      open(index, {.calls = {},
                   .model = first.model,
                   .engine = first.engine,
                   .expected = load,
                   .actual = load});
      return;
    }
    const auto kept = worker.kept.front();
    worker.kept.pop_front();
    worker.keptTime -= kept.time;
    unuse(worker, kept.model);
    launch(index, kept.model, bestEngineOf(worker, kept));
  }
}

void SimulatedPool::launch(std::uint32_t index, std::uint32_t model, sched::EngineIndex engine) {
  auto& queue = *queues_[model];
  Run run{.calls = queue.takeBatch(now_, {.items = options_.maxBatch}, kAnyCall),
          .model = model,
          .engine = engine};
  if (run.calls.empty()) return;
  waitingCalls_ -= run.calls.size();
  double length = 0;
  for (const auto id : run.calls) length = std::max(length, calls_[id].length);
  run.size = {double(run.calls.size()), length};
  const double noise = calls_[run.calls.front()].noise;
  run.expected = predicted(model, engine, run.size, noise);
  run.actual = fromMs(noise * truth(model, engine, run.size));
  open(index, std::move(run));
}

void SimulatedPool::open(std::uint32_t index, Run run) {
  auto& worker = workers_[index];
  use(worker, run.model);
  worker.open.push_back(std::move(run));
  if (worker.open.size() == 1) begin(index);
}

void SimulatedPool::begin(std::uint32_t index) {
  auto& worker = workers_[index];
  worker.begun = now_;
  events_.push({now_ + worker.open.front().actual, index, worker.life});
}

void SimulatedPool::complete(const Event& event) {
  auto& worker = workers_[event.worker];
  if (!worker.alive || worker.life != event.life) return;
  const auto run = std::move(worker.open.front());
  worker.open.pop_front();
  unuse(worker, run.model);
  for (const auto id : run.calls) {
    result_.waits.push_back(toMs(worker.begun - calls_[id].at));
    result_.latencies.push_back(toMs(now_ - calls_[id].at));
  }
  result_.busyWorkerMs += double(toMs(run.actual));
  if (!options_.trueTimes && !run.isLoad())
    predictor_.observe(keys_[run.model][run.engine], run.size, double(run.actual.count()) / 1e6);
  if (!worker.open.empty()) begin(event.worker);
  refill(event.worker);
}

void SimulatedPool::refill(std::uint32_t index) {
  auto& worker = workers_[index];
  openKept(index);
  if (worker.draining && worker.open.empty()) return leave(index);
  steal(index);
  refresh(index);
}

sched::EngineIndex SimulatedPool::bestEngineOf(const Worker& worker, const Kept& kept) {
  // More is known by now than when the time was kept.
  const auto next = queues_[kept.model]->next(now_, kAnyCall);
  if (options_.policy != Policy::Learned || worker.places.size() < 2 || !next) return kept.engine;
  priceEngines(kept.model, {1, calls_[*next].length}, calls_[*next].noise);
  return std::ranges::min_element(prices_, {}, &sched::EngineCost::run)->engine;
}

void SimulatedPool::steal(std::uint32_t index) {
  auto& worker = workers_[index];
  const bool chooses =
      options_.policy != Policy::RoundRobin && options_.policy != Policy::LeastLoaded;
  if (!chooses || !worker.open.empty() || worker.draining || waitingCalls_ == 0) return;
  // Nothing is kept for it: it helps where the most wait, if that is not worse than to wait.
  std::optional<std::uint32_t> model;
  for (const auto resident : worker.resident) {
    if (!model || queues_[resident]->size() > queues_[*model]->size()) model = resident;
  }
  if (!model) return;
  const auto next = queues_[*model]->next(now_, kAnyCall);
  if (!next) return;
  const auto& call = calls_[*next];
  std::optional<Place> here;
  priceEngines(*model, {1, call.length}, call.noise);
  for (const auto& price : prices_) {
    const auto has = [&](auto place) { return engineOf_[place] == price.engine; };
    if (!std::ranges::any_of(worker.places, has)) continue;
    if (!here || price.run < here->total) here = Place{index, price.engine, {}, price.run};
  }
  if (!here) return;
  for (auto& price : prices_) price.mayLoad = false;
  // This one counts as busy until it is refreshed.
  const auto best = index_.best({*model, 0, prices_, nullptr}, now_);
  if (best && best->total < here->total && workerOf_[best->worker] != index) return;
  launch(index, *model, here->engine);
}

void SimulatedPool::priceAnew(Worker& worker) {
  worker.keptTime = {};
  for (auto& kept : worker.kept) {
    kept.time = kept.load + predicted(kept.model, kept.engine, {1, kept.length}, 1);
    worker.keptTime += kept.time;
  }
  for (auto& run : worker.open) {
    if (!run.isLoad()) run.expected = predicted(run.model, run.engine, run.size, 1);
  }
}

void SimulatedPool::refresh(std::uint32_t index) {
  auto& worker = workers_[index];
  if (worker.draining) return;
  if (!options_.trueTimes) priceAnew(worker);
  if (worker.open.empty() && worker.kept.empty()) {
    for (const auto place : worker.places) index_.setIdle(place);
    return;
  }
  auto until = now_;
  if (!worker.open.empty()) until = std::max(now_, worker.begun + worker.open.front().expected);
  for (std::size_t i = 1; i < worker.open.size(); ++i) until += worker.open[i].expected;
  for (const auto place : worker.places) index_.setBusy(place, until + worker.keptTime);
}

bool SimulatedPool::drain(std::uint32_t index) {
  auto& worker = workers_[index];
  if (!worker.alive || worker.draining) return false;
  worker.draining = true;
  for (const auto place : worker.places) index_.removeWorker(place);
  const auto kept = std::exchange(worker.kept, {});
  // Those who counted on it find another place.
  for (const auto& promise : kept) {
    if (const auto next = queues_[promise.model]->next(now_, kAnyCall)) settle(*next);
  }
  if (worker.open.empty()) leave(index);
  return true;
}

void SimulatedPool::leave(std::uint32_t index) {
  workers_[index].alive = false;
}

void SimulatedPool::crash(std::uint32_t index) {
  auto& worker = workers_[index];
  if (!worker.alive) return;
  const bool known = !worker.draining;
  worker.alive = false;
  worker.draining = true;
  ++worker.life;
  const auto open = std::exchange(worker.open, {});
  const auto kept = std::exchange(worker.kept, {});
  if (known) {
    for (const auto place : worker.places) index_.removeWorker(place);
  }
  for (const auto& run : open) {
    for (const auto id : run.calls) {
      queues_[run.model]->readmit({.id = id,
                                   .kind = options_.maxBatch > 1 ? 1u : 0u,
                                   .length = static_cast<std::uint64_t>(calls_[id].length)},
                                  now_);
      ++waitingCalls_;
      settle(id);
    }
  }
  for (const auto& promise : kept) {
    if (const auto next = queues_[promise.model]->next(now_, kAnyCall)) settle(*next);
  }
}

std::vector<std::uint32_t> SimulatedPool::serving() const {
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].alive && !workers_[i].draining) all.push_back(i);
  }
  return all;
}

std::optional<TimePoint> SimulatedPool::oldestWaiting() const {
  std::optional<TimePoint> oldest;
  for (const auto& queue : queues_) {
    const auto since = queue->oldest();
    if (since && (!oldest || *since < *oldest)) oldest = since;
  }
  return oldest;
}

double SimulatedPool::busyMs(TimePoint now) const {
  double sum = result_.busyWorkerMs;
  for (const auto& worker : workers_) {
    if (worker.alive && !worker.open.empty()) sum += double(toMs(now - worker.begun));
  }
  return sum;
}

SimulationResult SimulatedPool::run(std::span<const SimulatedCall> calls, const Tick& tick) {
  calls_ = calls;
  result_ = {};
  result_.waits.reserve(calls.size());
  result_.latencies.reserve(calls.size());
  const auto start = calls.empty() ? TimePoint{} : calls.front().at;
  auto nextTick = start + kTick;
  sched::JobId next = 0;
  while (next < calls.size() || !events_.empty()) {
    const bool arrives =
        next < calls.size() && (events_.empty() || calls[next].at <= events_.top().at);
    const auto at = arrives ? calls[next].at : events_.top().at;
    if (tick && nextTick <= at) {
      now_ = nextTick;
      nextTick += kTick;
      tick(now_);
      continue;
    }
    now_ = at;
    if (arrives) {
      arrive(next++);
    } else {
      const auto event = events_.top();
      events_.pop();
      complete(event);
    }
  }
  result_.calls = calls.size();
  result_.makespan = now_ - start;
  return std::move(result_);
}

}  // namespace webpool::bench
