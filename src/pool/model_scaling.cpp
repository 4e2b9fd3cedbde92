// More workers for a model while it is busy, fewer when it is not.
#include <algorithm>
#include <thread>
#include <utility>

#include "pool/model_state.h"

namespace webpool {
namespace {

constexpr auto kEvery = std::chrono::seconds(1);

}  // namespace

unsigned Model::State::mostWorkers() const {
  const auto& pool = engine->options();
  if (pool.maxConnections > 0 || !engine->findsBrowsers() || !options.browser.empty()) {
    return pool.maxConnections;
  }
  const auto found = engine->browserNames();
  return found ? static_cast<unsigned>(found->size()) * (1 + pool.warmSpares) : 0;
}

void Model::State::scaleLater() {
  const auto& pool = engine->options();
  if (!scaling_) {
    const unsigned least = 1 + pool.warmSpares;
    const unsigned most = pool.adaptiveScaling && pool.launchBrowsers ? mostWorkers() : 0;
    if (most <= least) return;
    scaling_.emplace(sched::ScalingOptions{.min = least,
                                           .max = most,
                                           .high = pool.scaleUpThreshold,
                                           .low = pool.scaleDownThreshold,
                                           .cooldown = pool.scalingCooldown,
                                           .waitTarget = pool.queueTimeTarget});
  }
  engine->postAt(base::SystemClock().now() + kEvery, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->engine->closing().stop_requested()) return;
    self->scale();
    self->scaleLater();
  });
}

sched::ScalingInputs Model::State::scalingInputs(base::TimePoint now) {
  sched::ScalingInputs inputs;
  unsigned onCores = 0;
  unsigned threads = 1;
  base::Duration worked{};
  for (const auto& replica : replicas_) {
    worked += replica->backlog.worked(now);
    const auto& worker = *replica->worker();
    if (!replica->isServing() || worker.connection->trust() != Trust::Launched) continue;
    ++inputs.workers;
    onCores += worker.boundThreads > 0 ? 1 : 0;
    threads = std::max(threads, worker.boundThreads);
    const auto timings = replica->timings();
    inputs.startTime =
        std::chrono::duration_cast<base::Duration>(std::chrono::duration<double, std::milli>(
            timings.launchMs + timings.fetchMs + timings.compileMs + timings.warmupMs));
  }
  inputs.starting = starting_;
  // What left with its replica is not counted, and makes no time negative.
  const auto passed = now - scaledAt_;
  const auto since = std::max(worked - workedBefore_, base::Duration{});
  if (inputs.workers > 0 && passed > base::Duration{}) {
    inputs.busy = std::min(1.0, double(since.count()) / double(passed.count()) / inputs.workers);
  }
  workedBefore_ = worked;
  scaledAt_ = now;
  if (const auto oldest = queue_.oldest()) inputs.queueWait = now - *oldest;
  inputs.queued = static_cast<unsigned>(queue_.size());
  // Workers on hardware need no core.
  if (onCores > 0) inputs.cores = std::max(1U, std::thread::hardware_concurrency() / threads);
  const auto& pool = engine->options();
  inputs.memoryBudget = pool.memoryBudget;
  // Nobody has said how many there may be: they must leave the machine room.
  if (pool.memoryBudget == 0 && pool.maxConnections == 0) {
    inputs.memoryBudget = pool::machineMemory() / 4 * 3;
  }
  if (inputs.memoryBudget > 0) {
    for (const auto& connection : engine->connections()) {
      inputs.memoryUsed += connection.pss;
      inputs.memoryPerWorker = std::max(inputs.memoryPerWorker, connection.pss);
    }
  }
  return inputs;
}

void Model::State::scale() {
  const auto now = base::SystemClock().now();
  sched::ScalingDecision decision;
  {
    const std::lock_guard lock(mutex_);
    const auto inputs = scalingInputs(now);
    if (inputs.workers == 0) return;  // it is brought when it is called
    decision = scaling_->tick(inputs, now);
  }
  if (decision.action == sched::ScalingAction::Hold || decision.count == 0) return;
  engine->scaled({.model = info.name,
                  .action = std::string(sched::scalingActionName(decision.action)),
                  .workers = decision.target,
                  .foreseen = decision.foreseen,
                  .reason = decision.reason,
                  .at = now});
  if (decision.action == sched::ScalingAction::Add) {
    addWorkers(decision.count);
  } else {
    for (unsigned i = 0; i < decision.count; ++i) drainWorker();
  }
}

void Model::State::addWorkers(unsigned count) {
  {
    const std::lock_guard lock(mutex_);
    starting_ += count;
  }
  const bool begun = engine->inBackground([weak = weak_from_this(), count] {
    for (unsigned i = 0; i < count; ++i) {
      const auto self = weak.lock();
      if (!self) return;
      if (const auto added = self->provideSpare(true); !added) {
        self->engine->log().info("{}: no further worker: {}", self->info.name,
                                 added.error().describe());
      }
      {
        const std::lock_guard lock(self->mutex_);
        --self->starting_;
      }
      self->pump();
    }
  });
  if (begun) return;
  const std::lock_guard lock(mutex_);
  starting_ -= count;
}

/// The one that has the least to do, of those the slowest.
void Model::State::drainWorker() {
  std::shared_ptr<pool::Replica> leaving;
  {
    const std::lock_guard lock(mutex_);
    const auto rank = [this](const std::shared_ptr<pool::Replica>& replica) {
      const auto latency = expected(*replica, {}, true).value_or(base::Duration::max());
      return std::pair(replica->openRuns.load(), -latency.count());
    };
    auto found = replicas_.end();
    for (auto replica = replicas_.begin(); replica != replicas_.end(); ++replica) {
      const auto& worker = *(*replica)->worker();
      if (!(*replica)->isServing() || worker.connection->trust() != Trust::Launched) continue;
      if (found == replicas_.end() || rank(*replica) < rank(*found)) found = replica;
    }
    if (found == replicas_.end()) return;
    leaving = std::move(*found);
    replicas_.erase(found);
  }
  // Runs that it has keep it until they are answered; then the model leaves the page.
  const auto worker = leaving->worker();
  leaving.reset();
  engine->retire(worker->connection, worker);
}

}  // namespace webpool
