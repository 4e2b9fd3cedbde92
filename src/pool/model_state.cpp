#include "pool/model_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "pool/convert.h"
#include "pool/observe.h"
#include "pool/replica_choice.h"
#include "pool/task.h"
#include "pool/texts.h"

namespace webpool {
using pool::millisecondsSince;

/// One call, over all its tries.
struct Model::State::Job {
  std::vector<Tensor> inputs;
  boost::json::object parameters;
  RunOptions options;
  base::TimePoint began;
  std::function<void(Result<Inference>)> done;
  sched::JobId id = 0;
  std::vector<std::uint64_t> avoid{};  ///< the pages that were lost under it
  unsigned tries = 0;
  bool toldParts = false;                   ///< the caller has part of an answer; loop thread only
  std::shared_ptr<pool::Replica> sentTo{};  ///< at last
  double waitMs = 0;                        ///< of the try that was answered: until it was sent

  RunOptions remaining() const {
    auto left = options;
    const auto spent =
        std::chrono::duration_cast<std::chrono::milliseconds>(base::SystemClock().now() - began);
    left.timeout = std::max(options.timeout - spent, std::chrono::milliseconds(1));
    return left;
  }
};

Model::State::State(std::shared_ptr<pool::Engine> owner,
                    std::shared_ptr<const pool::ResolvedModel> model, ModelOptions chosen)
    : engine(std::move(owner)), source(std::move(model)), options(std::move(chosen)) {}

Model::State::~State() {
  if (shared_) engine->unshare(source);
}

Result<void> Model::State::open() {
  if (mayJoin()) {
    if (auto shared = engine->share(source); !shared) return shared;
    shared_ = true;
    engine->watchDevices(weak_from_this());
  }
  const auto& description = source->description;
  info.name = description.name;
  info.task = description.task;
  info.dtype = description.dtype;
  info.cid = description.cid;
  info.bytes = description.bytes;
  info.component = description.component;
  info.components = description.components;
  info.language = description.language;
  info.metadata = description.metadata;
  info.weights = description.weights;
  const auto& task = pool::taskOf(description.task);
  info.inputs = task.isRaw() ? description.inputs : task.inputs;
  info.outputs = task.isRaw() ? description.outputs : task.outputs;
  if (options.lazy) return {};
  const auto replica =
      provide({}, options.progress, options.stop, base::SystemClock().now() + options.timeout);
  if (!replica) return std::unexpected(replica.error());
  info.timings = (*replica)->timings();
  info.ranOn = (*replica)->ranOn();
  for (const auto& device : engine->devices()) deviceCame(device);
  provideSpares();
  return {};
}

std::shared_ptr<pool::Replica> Model::State::serving(const std::vector<std::uint64_t>& avoid,
                                                     const std::string& conversation) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<pool::Replica>> able;
  std::vector<pool::Candidate> candidates;
  const auto before = conversations_.find(conversation);
  for (const auto& replica : replicas_) {
    const auto& worker = *replica->worker();
    if (!replica->isServing() || !worker.connection->accepting() || replica->obstacle()) continue;
    if (std::ranges::find(avoid, worker.incarnation.load()) != avoid.end()) continue;
    const auto speed = replica->speed();
    able.push_back(replica);
    candidates.push_back({.openRuns = replica->openRuns,
                          .latency = speed.latency,
                          .score = speed.score,
                          .trust = worker.connection->trust(),
                          .runs = replica->runs(),
                          .servedBefore = before != 0 && before == worker.incarnation});
  }
  const auto chosen = pool::chooseReplica(candidates);
  return chosen ? able[*chosen] : nullptr;
}

void Model::State::run(std::vector<Tensor> inputs, boost::json::object parameters,
                       const RunOptions& runOptions, std::function<void(Result<Inference>)> done) {
  auto job = std::make_shared<Job>();
  job->inputs = std::move(inputs);
  job->parameters = std::move(parameters);
  job->options = runOptions;
  job->began = base::SystemClock().now();
  job->done = std::move(done);
  {
    const std::lock_guard lock(mutex_);
    job->id = nextJob_++;
    retry_.admitted(job->id);
  }
  attempt(job);
}

void Model::State::reply(const std::shared_ptr<Job>& job, Result<Inference> result) {
  auto* const observer = engine->observer();
  if (observer == nullptr) return std::exchange(job->done, nullptr)(std::move(result));
  RecordedRun row;
  if (result) {
    row.timings = result->timings;
  } else {
    row.timings.totalMs = millisecondsSince(job->began);
    row.error = result.error();
  }
  // First: the caller does not wait for the rest.
  std::exchange(job->done, nullptr)(std::move(result));
  row.startedAt = pool::wallTime(job->began);
  row.model = pool::recordedModel(source->description);
  row.items = pool::itemsOf(info.inputs, job->inputs);
  row.tries = job->tries;
  row.waitMs = job->waitMs;
  if (const auto& replica = job->sentTo) {
    row.load = replica->loadNumber();
    row.ranOn = replica->ranOn();
    row.memory = replica->worker()->connection->memory();
  }
  observer->ran(std::move(row));
}

void Model::State::refused(std::span<const Tensor> inputs, base::TimePoint began,
                           const Error& error) const {
  auto* const observer = engine->observer();
  if (observer == nullptr) return;
  RecordedRun row;
  row.startedAt = pool::wallTime(began);
  row.model = pool::recordedModel(source->description);
  row.items = pool::itemsOf(info.inputs, inputs);
  row.timings.totalMs = millisecondsSince(began);
  row.error = error;
  observer->ran(std::move(row));
}

void Model::State::attempt(const std::shared_ptr<Job>& job) {
  if (auto replica = serving(job->avoid, job->options.conversation)) {
    send(job, replica);
    return;
  }
  const auto giveUp = [this, job](const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!retry_.withdrawn(job->id)) return;
    }
    reply(job, std::unexpected(error));
  };
  const bool begun = engine->inBackground([self = shared_from_this(), job, giveUp] {
    const auto replica =
        self->provide(job->avoid, {}, job->options.stop, job->began + job->options.timeout);
    if (!replica) {
      giveUp(replica.error());
      return;
    }
    if (auto right = (*replica)->ensureChecked(job->inputs, job->parameters, job->options.stop);
        !right) {
      giveUp(right.error());
      return;
    }
    self->send(job, *replica);
  });
  if (!begun) giveUp(engine->closedError());
}

void Model::State::send(const std::shared_ptr<Job>& job,
                        const std::shared_ptr<pool::Replica>& replica) {
  const auto incarnation = replica->worker()->incarnation.load();
  {
    const std::lock_guard lock(mutex_);
    if (!retry_.placed(job->id, incarnation)) return;
  }
  ++job->tries;
  job->sentTo = replica;
  engine->log().debug("job sent: {} on {} (try {})", source->description.name,
                      replica->worker()->connection->label(), job->tries);
  engine->run(
      replica->worker(), job->inputs, job->parameters, job->remaining(),
      [self = shared_from_this(), job, replica, incarnation,
       ticket = replica->runBegan()](pool::RunOutcome outcome) {
        replica->runEnded(ticket, outcome);
        self->answered(job, *replica, incarnation, std::move(outcome));
      },
      [job](const wire::Partial& partial) {
        if (!job->done) return;
        job->toldParts = true;
        if (job->options.onPartial) job->options.onPartial(pool::toPublic(partial));
      });
}

void Model::State::answered(const std::shared_ptr<Job>& job, const pool::Replica& replica,
                            std::uint64_t incarnation, pool::RunOutcome outcome) {
  auto& result = outcome.result;
  if (result) {
    {
      const std::lock_guard lock(mutex_);
      if (!retry_.answered(job->id, incarnation)) return;
      conversations_.served(job->options.conversation, incarnation);
    }
    const auto& timings = result->timings;
    const auto totalMs = millisecondsSince(job->began);
    const std::chrono::duration<double, std::milli> took = outcome.took;
    job->waitMs = std::max(0.0, totalMs - took.count() - timings.queueMs);
    reply(job, Inference{std::move(result->outputs),
                         {timings.queueMs, timings.runMs, totalMs},
                         replica.ranOn(),
                         result->details.empty() ? "" : boost::json::serialize(result->details)});
    provideSpares();  // one may have died without a job in it
    return;
  }
  const auto& error = result.error();
  std::optional<sched::RetryDecision> decision;
  {
    const std::lock_guard lock(mutex_);
    // Lost, but not with the worker under it: it was not there any more, or was handed back.
    const bool innocent = error.category == ErrorCategory::WorkerLost && !outcome.died;
    decision = innocent ? retry_.handedBack(job->id, incarnation)
                        : retry_.failed(job->id, incarnation, error);
    // Another try would begin the answer anew, and the caller has read part of this one
    // (docs/decisions/0007-a-begun-answer-is-not-begun-again.md).
    if (decision && job->toldParts && std::holds_alternative<sched::Retry>(*decision)) {
      if (!retry_.withdrawn(job->id)) return;
      decision =
          sched::GiveUp{{error.category, fmt::format("the answer broke off: {}", error.message),
                         "ask again: the pool starts the answer anew"}};
    }
  }
  decide(job, std::move(decision));
}

void Model::State::decide(const std::shared_ptr<Job>& job,
                          std::optional<sched::RetryDecision> decision) {
  if (!decision) return;
  if (auto* giveUp = std::get_if<sched::GiveUp>(&*decision)) {
    reply(job, std::unexpected(std::move(giveUp->error)));
    return;
  }
  job->avoid = std::move(std::get<sched::Retry>(*decision).excluding);
  attempt(job);
  provideSpares();
}

}  // namespace webpool
