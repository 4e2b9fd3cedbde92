// Learns how fast a model is in dtypes of which nothing is known, so that the next load can choose:
// beside a worker that serves, with a call of late, while nobody asks for anything. The first call
// that comes ends it.
#include <algorithm>
#include <chrono>
#include <utility>

#include "pool/backend_choice.h"
#include "pool/model_state.h"

namespace webpool {
namespace {

constexpr auto kEvery = std::chrono::seconds(5);
/// Since the latest call.
constexpr auto kQuiet = std::chrono::seconds(5);
/// Runs that were answered before: a model that is called now and then is not worth it.
constexpr std::uint64_t kServed = 20;
/// Until the browser has its best code; a slow model has it sooner than that.
constexpr unsigned kWarmUpRuns = 25;
constexpr auto kWarmUp = std::chrono::seconds(5);
constexpr unsigned kMeasuredRuns = 10;
constexpr unsigned kMostStops = 3;
/// The gate may want several calls to compare.
constexpr unsigned kMostChecks = 4;

}  // namespace

void Model::State::tryOthersLater() {
  {
    const std::lock_guard lock(mutex_);
    if (untried_.empty()) return;
  }
  engine->postAt(base::SystemClock().now() + kEvery, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && !self->engine->closing().stop_requested()) self->tryOthers();
  });
}

void Model::State::tryNoMore() {
  const std::lock_guard lock(mutex_);
  untried_.clear();
  trialStop_.request_stop();
}

/// Loop thread.
void Model::State::tryOthers() {
  std::shared_ptr<pool::Loaded> worker;
  pool::Sample sample;
  std::stop_token stop;
  {
    const std::lock_guard lock(mutex_);
    if (untried_.empty()) return;
    const bool quiet = works_.empty() && sample_ && engine->idleCores() > 0 &&
                       base::SystemClock().now() - askedAt_ >= kQuiet;
    const auto serving = std::ranges::find_if(replicas_, [](const auto& replica) {
      return replica->isServing() && replica->runs() >= kServed &&
             replica->worker()->connection->trust() == Trust::Launched;
    });
    if (quiet && serving != replicas_.end()) {
      const auto& beside = *(*serving)->worker();
      worker =
          engine->newWorker(untried_.front(), beside.connection, beside.backend, beside.threads);
      sample = *sample_;
      trialStop_ = {};
      stop = trialStop_.get_token();
    }
  }
  if (!worker || !engine->hasRoomFor(*worker)) return tryOthersLater();
  engine->inBackground([weak = weak_from_this(), worker, sample = std::move(sample), stop] {
    const auto self = weak.lock();
    if (!self) return;
    const bool done = self->tryOut(worker, sample, stop);
    {
      const std::lock_guard lock(self->mutex_);
      if (done || ++self->trialsStopped_ >= kMostStops) {
        std::erase(self->untried_, worker->source);
        self->trialsStopped_ = 0;
      }
      if (self->untried_.empty()) self->sample_.reset();
    }
    self->tryOthersLater();
  });
}

bool Model::State::tryOut(const std::shared_ptr<pool::Loaded>& worker, const pool::Sample& sample,
                          const std::stop_token& stop) {
  // Both end it: a call that comes, and the pool's end.
  std::stop_source either;
  const auto end = [&either] { either.request_stop(); };
  const std::stop_callback onCall(stop, end);
  const std::stop_callback onClose(engine->closing(), end);
  pool::Replica trial(engine, worker, options);
  auto loaded = trial.ensureLoaded({}, either.get_token());
  Result<void> right;
  for (unsigned i = 0; loaded && right && !trial.isServing() && i < kMostChecks; ++i) {
    right = trial.ensureChecked(sample.inputs, sample.parameters, either.get_token());
  }
  if (loaded && trial.isServing()) return measure(trial, sample, either.get_token());
  return !either.stop_requested();
}

bool Model::State::measure(pool::Replica& trial, const pool::Sample& sample,
                           const std::stop_token& stop) {
  const auto began = base::SystemClock().now();
  const auto run = [&] {
    return engine->runAndTime(trial.worker(), sample.inputs, sample.parameters,
                              {.timeout = options.timeout, .stop = stop});
  };
  for (unsigned i = 0; i < kWarmUpRuns && base::SystemClock().now() - began < kWarmUp; ++i) {
    if (!run().result) return !stop.stop_requested();
  }
  double sum = 0;
  for (unsigned i = 0; i < kMeasuredRuns; ++i) {
    const auto outcome = run();
    if (!outcome.result) return !stop.stop_requested();
    const std::chrono::duration<double, std::milli> took(outcome.took);
    sum += took.count();
    engine->runTimes().observe(trial.runKey(), info.task, sample.size, took.count());
  }
  engine->log().info("{}: in {} a call of late takes {:.1f} ms on {}; {} is served", info.name,
                     trial.worker()->source->description.dtype, sum / kMeasuredRuns,
                     trial.worker()->connection->label(), info.dtype);
  return true;
}

}  // namespace webpool
