#include "pool/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace webpool::pool {
namespace {

constexpr double kLabelShare = 0.9;

RanOn ranOnOf(const Loaded& model, const LoadOutcome& outcome) {
  RanOn ranOn;
  ranOn.connection = model.connection->label();
  ranOn.trust = model.connection->trust();
  ranOn.browser = outcome.connection.capabilities.browser;
  ranOn.browserVersion = outcome.connection.capabilities.version;
  ranOn.backend = model.backend;
  ranOn.dtype = model.source->description.dtype;
  ranOn.wasmThreads = model.threads;
  if (const auto& placed = outcome.answer.placement) {
    ranOn.placement = Placement{static_cast<std::uint32_t>(placed->counted),
                                static_cast<std::uint32_t>(placed->onBackend)};
  }
  if (model.backend == Backend::WebGpu) ranOn.adapter = outcome.connection.capabilities.webgpu;
  const bool there = ranOn.placement && ranOn.placement->share() >= kLabelShare;
  ranOn.label = there ? std::string(backendName(model.backend)) : "mixed";
  return ranOn;
}

}  // namespace

Replica::Replica(std::shared_ptr<Engine> engine, std::shared_ptr<Loaded> worker,
                 ModelOptions options)
    : engine_(std::move(engine)),
      loaded_(std::move(worker)),
      options_(std::move(options)),
      gate_(engine_, loaded_, options_) {}

Replica::~Replica() {
  engine_->unload(loaded_);
}

Result<bool> Replica::ensureLoaded(const ProgressCallback& progress, const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (loaded_->isResident()) return false;
  if (auto refused = gate_.refusal()) return std::unexpected(std::move(*refused));
  auto wanted = options_;
  wanted.progress = progress;
  wanted.stop = stop;
  // The check against the golden answer, where one follows, is the first run.
  const bool checkFollows = !loaded_->source->golden.empty();
  auto outcome = engine_->loadOnPage(loaded_, wanted, !checkFollows);
  if (!outcome) return std::unexpected(outcome.error());
  const auto& timings = outcome->answer.timings;
  RecordedLoad load;
  load.timings = {.launchMs = outcome->connection.launchMs,
                  .fetchMs = timings.fetchMs,
                  .compileMs = timings.compileMs,
                  .warmupMs = checkFollows ? 0 : timings.warmupMs,
                  .totalMs = 0,
                  .bytesNetwork = timings.bytesNetwork,
                  .bytesCache = timings.bytesCache,
                  .bytesPeer = timings.bytesPeer};
  for (const auto& one : timings.components) {
    load.timings.components.push_back({one.name, one.completeMs, one.begunMs, one.readyMs});
  }
  load.number = engine_->nextLoad();
  loadNumber_ = load.number;
  const bool first = !std::exchange(loadedOnce_, true);
  {
    const std::lock_guard inner(latestMutex_);
    latest_ = load;
    if (first) timings_ = load.timings;
  }
  if (!first) return true;
  ranOn_ = ranOnOf(*loaded_, *outcome);
  runKey_ = pool::runKey(description(), ranOn_);
  return true;
}

Result<void> Replica::ensureChecked(const std::vector<Tensor>& inputs,
                                    const boost::json::object& parameters,
                                    const std::stop_token& stop) {
  if (isServing()) return {};
  const std::lock_guard lock(mutex_);
  auto checked = gate_.check(inputs, parameters, stop);
  const std::lock_guard inner(latestMutex_);
  if (timings_.warmupMs == 0) {
    timings_.warmupMs = gate_.firstRunMs();
    latest_.timings.warmupMs = timings_.warmupMs;
  }
  return checked;
}

RanOn Replica::ranOn() const {
  auto ranOn = ranOn_;
  ranOn.checkedBy = gate_.checkedBy();
  return ranOn;
}

void Replica::warmUp(const std::vector<Tensor>& sample, const boost::json::object& parameters,
                     const std::stop_token& stop) {
  constexpr unsigned kRuns = 25;
  // One answer runs the code of a token many times over, and the golden answer was one.
  if (loaded_->source->gguf) return;
  const auto& golden = loaded_->source->golden;
  const auto& inputs = golden.empty() ? sample : golden.front().inputs;
  if (inputs.empty() || loaded_->backend != Backend::Wasm) return;
  for (unsigned i = 0; i < kRuns && isServing() && !stop.stop_requested(); ++i) {
    const auto ticket = runBegan();
    const auto outcome = engine_->runAndTime(loaded_, inputs, parameters,
                                             {.timeout = options_.timeout, .stop = stop});
    runEnded(ticket, outcome);
    if (!outcome.result) return;
  }
}

std::optional<Error> Replica::obstacle() const {
  const auto now = base::SystemClock().now();
  const auto obstacle = health_.obstacle(loaded_->incarnation, now);
  if (!obstacle) return std::nullopt;
  const auto wait = obstacle->trialAt
                        ? std::chrono::ceil<std::chrono::seconds>(*obstacle->trialAt - now)
                        : std::chrono::seconds(0);
  return Error{ErrorCategory::WorkerLost,
               fmt::format("{} on {} of {} failed too often in a row{}{}", description().name,
                           backendName(loaded_->backend), loaded_->connection->label(),
                           obstacle->cause ? "; at last: " : "",
                           obstacle->cause ? obstacle->cause->message : ""),
               fmt::format("it is tried again in {} s", std::max<long>(1, wait.count()))};
}

WorkerHealth::Speed Replica::speed() const {
  return health_.speed(loaded_->incarnation, base::SystemClock().now());
}

WorkerHealth::Ticket Replica::runBegan() {
  ++openRuns;
  return health_.began(loaded_->incarnation, base::SystemClock().now());
}

void Replica::runEnded(const WorkerHealth::Ticket& ticket, const RunOutcome& outcome) {
  --openRuns;
  const auto now = base::SystemClock().now();
  if (outcome.result) {
    health_.succeeded(ticket, outcome.took, now);
  } else {
    health_.failed(ticket, outcome.result.error(), now);
  }
}

}  // namespace webpool::pool
