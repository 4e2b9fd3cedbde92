// A run that is late is tried a second time, on a worker and a core that are idle; the first answer
// counts. The other run is dropped where it has not begun. One that has begun goes on: in most
// backends ending it would cost its worker the model.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "pool/model_state.h"

namespace webpool {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(100);

}  // namespace

sched::RunUnderWay Model::State::underWay(const pool::Batch& batch) const {
  const auto streams = [](const auto& work) {
    return !work->conversation.empty() || work->toldParts ||
           std::ranges::any_of(work->callers, [](const auto& caller) {
             return caller->options.onPartial || !caller->options.shared;
           });
  };
  return {.key = batch.replica->worker()->id,
          .started = batch.sentAt,
          .expected = batch.expected,
          .streams = std::ranges::any_of(batch.works, streams),
          .hedged = batch.second != nullptr};
}

void Model::State::watch(const BatchRef& batch) {
  std::optional<base::TimePoint> late;
  {
    const std::lock_guard lock(mutex_);
    if (batch->over) return;
    hedging_.began();
    if (replicas_.size() > 1) late = hedging_.lateAt(underWay(*batch));
  }
  if (!late) return;
  runTwiceAt(*late, batch);
}

std::shared_ptr<pool::Replica> Model::State::secondFor(const pool::Batch& batch,
                                                       base::TimePoint now) const {
  std::shared_ptr<pool::Replica> idle;
  for (const auto& place : places({}, batch.size)) {
    const auto& replica = place.replica;
    const bool may =
        replica != batch.replica && replica->openRuns == 0 &&
        std::ranges::all_of(batch.works, [&](const auto& work) {
          return std::ranges::find(work->avoid, replica->worker()->incarnation.load()) ==
                 work->avoid.end();
        });
    if (may && !idle) idle = replica;
  }
  const auto verdict = hedging_.judge(
      underWay(batch), {.idleWorker = idle != nullptr, .idleCores = engine->idleCores()}, now);
  return verdict == sched::HedgeVerdict::Hedge ? idle : nullptr;
}

/// The timer keeps neither alive: what is over needs no second run.
void Model::State::runTwiceAt(base::TimePoint when, const BatchRef& batch) {
  engine->postAt(when, [weak = weak_from_this(), late = std::weak_ptr(batch)] {
    const auto self = weak.lock();
    const auto there = late.lock();
    if (self && there) self->runTwice(there);
  });
}

/// Loop thread.
void Model::State::runTwice(const BatchRef& batch) {
  const auto now = base::SystemClock().now();
  {
    const std::lock_guard lock(mutex_);
    if (batch->over || batch->second || !batch->isWanted()) return;
    const auto replica = secondFor(*batch, now);
    if (!replica) {  // a worker or a core may be idle soon
      return runTwiceAt(now + kLookAgain, batch);
    }
    hedging_.hedged();
    ++hedgedRuns_;
    auto second = std::make_shared<pool::SecondRun>();
    second->replica = replica;
    second->ticket = replica->runBegan();
    second->sentAt = now;
    second->expected = expected(*replica, batch->size, true).value_or(base::Duration{});
    second->inBacklog = replica->backlog.add(second->expected, now);
    batch->second = std::move(second);
  }
  const auto ended = [self = shared_from_this(), batch](pool::RunOutcome outcome) {
    const auto& second = *batch->second;
    second.replica->runEnded(second.ticket, outcome);
    self->learn(*batch, *second.replica, second.inBacklog, outcome);
    self->answered(batch, second.replica, std::move(outcome));
  };
  auto inputs = inputsOf(*batch);
  if (!inputs) return ended({.result = std::unexpected(inputs.error())});
  const auto& replica = batch->second->replica;
  engine->log().debug("late, tried a second time: {} on {} beside {}", info.name,
                      replica->worker()->connection->label(),
                      batch->replica->worker()->connection->label());
  engine->run(replica->worker(), std::move(*inputs), batch->works.front()->parameters,
              askedOf(batch), ended, {}, batch->unwanted.get_token());
}

bool Model::State::decides(const BatchRef& batch, const std::shared_ptr<pool::Replica>& replica,
                           pool::RunOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  if (batch->over) return false;
  const auto& second = batch->second;
  if (!second) return batch->over = true;
  const bool isSecond = replica == second->replica;
  if (isSecond) second->ended = true;
  if (outcome.result || !batch->isWanted()) return batch->over = true;
  if (!isSecond && !second->ended) {  // the other may still answer
    batch->firstError = outcome.result.error();
    batch->firstDied = outcome.died;
    return false;
  }
  if (!isSecond) return batch->over = true;
  if (!batch->firstError) return false;
  // Both failed: what the first said counts, it was the one that was meant.
  outcome = {.result = std::unexpected(*batch->firstError), .died = batch->firstDied};
  return batch->over = true;
}

}  // namespace webpool
