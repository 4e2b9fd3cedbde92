#include "pool/model_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "pool/backend_choice.h"
#include "pool/texts.h"

namespace webpool {
namespace {

constexpr unsigned kMostDeaths = 2;

double millisecondsSince(base::TimePoint began) {
  return std::chrono::duration<double, std::milli>(base::SystemClock().now() - began).count();
}

/// Worth another browser: this one can't do it, which says nothing of the next.
bool mayMoveOn(const Error& error) {
  return error.category == ErrorCategory::Unsupported ||
         error.category == ErrorCategory::WrongResult ||
         error.category == ErrorCategory::WorkerLost ||
         error.category == ErrorCategory::BrowserNotFound ||
         error.category == ErrorCategory::BrowserFailed;
}

}  // namespace

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

Result<void> Model::State::open() {
  const auto replica = provide({}, options.progress, options.stop);
  if (!replica) return std::unexpected(replica.error());
  const auto& description = source->description;
  info.name = description.name;
  info.task = description.task;
  info.dtype = description.dtype;
  info.cid = description.cid;
  info.bytes = description.bytes;
  if (description.task == "tensors") {
    info.inputs = description.inputs;
    info.outputs = description.outputs;
  } else {
    info.inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}};
    info.outputs = {{"embedding", DataType::Fp32, {-1, -1}, {"n", "dimensions"}, true}};
  }
  info.timings = (*replica)->timings();
  info.ranOn = (*replica)->ranOn();
  provideSpares();
  return {};
}

std::shared_ptr<pool::Replica> Model::State::serving(
    const std::vector<std::uint64_t>& avoid) const {
  const std::lock_guard lock(mutex_);
  // Of two that are as free, the one that has run more: the browser has better code for it.
  const auto rank = [](const pool::Replica& replica) {
    return std::pair(replica.openRuns.load(), ~replica.runs());
  };
  std::shared_ptr<pool::Replica> best;
  for (const auto& replica : replicas_) {
    if (!replica->isServing() || replica->obstacle()) continue;
    if (std::ranges::find(avoid, replica->worker()->incarnation.load()) != avoid.end()) continue;
    if (!best || rank(*replica) < rank(*best)) best = replica;
  }
  return best;
}

std::shared_ptr<pool::Replica> Model::State::replicaOn(const pool::ConnectionRef& connection,
                                                       Backend backend, unsigned threads) {
  const std::lock_guard lock(mutex_);
  for (const auto& replica : replicas_) {
    const auto& worker = *replica->worker();
    if (worker.connection == connection && worker.backend == backend) return replica;
  }
  auto worker = engine->newWorker(source, connection, backend, threads);
  return replicas_.emplace_back(
      std::make_shared<pool::Replica>(engine, std::move(worker), options));
}

Result<std::shared_ptr<pool::Replica>> Model::State::provideIn(const std::string& browser,
                                                               pool::ConnectionWish wish,
                                                               const ProgressCallback& progress,
                                                               const std::stop_token& stop) {
  wish.browser = browser;
  const auto connection = engine->connect(wish, stop);
  if (!connection) return std::unexpected(connection.error());
  const auto facts = (*connection)->facts();
  const auto backend =
      pool::chooseBackend(options.backend, source->description.usesFp16, facts.capabilities);
  if (!backend) return std::unexpected(backend.error());
  const auto threads = pool::chooseThreads(engine->options().wasmThreads, facts.capabilities,
                                           std::thread::hardware_concurrency());
  auto replica = replicaOn(*connection, *backend, threads);
  if (auto obstacle = replica->obstacle()) return std::unexpected(std::move(*obstacle));
  if (auto there = replica->ensureLoaded(progress, stop); !there) {
    return std::unexpected(there.error());
  }
  // A task has a sample to check the backend with; tensors are checked with the catalogue's golden
  // answer or with the first real inputs.
  const bool text = source->description.task == "text-embedding";
  if (text || !source->golden.empty()) {
    const auto sample = text ? pool::sampleTexts() : std::vector<Tensor>{};
    const auto right = replica->ensureChecked(
        sample, text ? pool::embeddingParameters() : boost::json::object{}, stop);
    if (!right) return std::unexpected(right.error());
  }
  return replica;
}

Result<std::shared_ptr<pool::Replica>> Model::State::provide(
    const std::vector<std::uint64_t>& avoid, const ProgressCallback& progress,
    const std::stop_token& stop) {
  const std::lock_guard lock(providing_);
  if (auto ready = serving(avoid)) return ready;  // somebody else has brought it meanwhile
  std::vector<std::string> names{options.browser};
  if (options.browser.empty()) {
    auto known = engine->browserNames();
    if (!known) return std::unexpected(known.error());
    names = std::move(*known);
  }
  Result<std::shared_ptr<pool::Replica>> result =
      fail(ErrorCategory::Internal, "no browser was tried");
  for (const auto& name : names) {
    // A browser may die while it loads; a model that two die under is given up.
    for (unsigned death = 0; death < kMostDeaths; ++death) {
      result = provideIn(name, {.avoid = avoid}, progress, stop);
      if (result || result.error().category != ErrorCategory::WorkerLost) break;
    }
    if (result || !mayMoveOn(result.error())) break;
  }
  return result;
}

/// In the browser that the model serves in: what is right there is right in its like.
Result<std::shared_ptr<pool::Replica>> Model::State::provideSpare() {
  const std::lock_guard lock(providing_);
  pool::ConnectionWish wish;
  {
    const std::lock_guard inner(mutex_);
    for (const auto& replica : replicas_) {
      if (replica->isServing()) wish.others.push_back(replica->worker()->connection);
    }
  }
  if (wish.others.empty()) return fail(ErrorCategory::NotFound, "the model serves nowhere");
  return provideIn(wish.others.front()->browserName(), wish, {}, {});
}

void Model::State::provideSpares() {
  const auto wanted = 1 + engine->options().warmSpares;
  const auto missing = [this, wanted] {
    const std::lock_guard lock(mutex_);
    return std::ranges::count_if(replicas_, [](const auto& replica) {
             return replica->isServing();
           }) < static_cast<std::ptrdiff_t>(wanted);
  };
  if (wanted == 1 || !missing()) return;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(sparesUnderWay_, true)) return;
  }
  const bool begun = engine->inBackground([weak = weak_from_this(), missing] {
    const auto self = weak.lock();
    if (!self) return;
    const bool text = self->source->description.task == "text-embedding";
    while (missing()) {
      const auto spare = self->provideSpare();
      if (!spare) {
        self->engine->log().debug("no spare: {}", spare.error().describe());
        break;
      }
      (*spare)->warmUp(text ? pool::sampleTexts() : std::vector<Tensor>{},
                       text ? pool::embeddingParameters() : boost::json::object{}, {});
    }
    const std::lock_guard lock(self->mutex_);
    self->sparesUnderWay_ = false;
  });
  if (!begun) {
    const std::lock_guard lock(mutex_);
    sparesUnderWay_ = false;
  }
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
  std::exchange(job->done, nullptr)(std::move(result));
}

void Model::State::attempt(const std::shared_ptr<Job>& job) {
  if (auto replica = serving(job->avoid)) {
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
    const auto replica = self->provide(job->avoid, {}, job->options.stop);
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
  engine->log().debug("job sent: {} on {} (try {})", source->description.name,
                      replica->worker()->connection->label(), ++job->tries);
  engine->run(replica->worker(), job->inputs, job->parameters, job->remaining(),
              [self = shared_from_this(), job, replica, incarnation, ticket = replica->runBegan()](
                  Result<wire::RunResult> result, bool died) {
                replica->runEnded(ticket, result ? nullptr : &result.error());
                self->answered(job, *replica, incarnation, std::move(result), died);
              });
}

void Model::State::answered(const std::shared_ptr<Job>& job, const pool::Replica& replica,
                            std::uint64_t incarnation, Result<wire::RunResult> result, bool died) {
  if (result) {
    {
      const std::lock_guard lock(mutex_);
      if (!retry_.answered(job->id, incarnation)) return;
    }
    const auto& timings = result->timings;
    reply(job, Inference{std::move(result->outputs),
                         {timings.queueMs, timings.runMs, millisecondsSince(job->began)},
                         replica.ranOn()});
    provideSpares();  // one may have died without a job in it
    return;
  }
  const auto& error = result.error();
  std::optional<sched::RetryDecision> decision;
  {
    const std::lock_guard lock(mutex_);
    // Lost, but not with the worker under it: it was not there any more, or was handed back.
    const bool innocent = error.category == ErrorCategory::WorkerLost && !died;
    decision = innocent ? retry_.handedBack(job->id, incarnation)
                        : retry_.failed(job->id, incarnation, error);
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
