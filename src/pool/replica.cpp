#include "pool/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "pool/agreement.h"
#include "pool/golden.h"
#include "pool/precision.h"
#include "pool/task.h"
#include "sched/blame.h"

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
  ranOn.dtype = dtypeThatRuns(model.source->description.dtype, model.source->graph);
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

bool isLoss(ErrorCategory category) {
  return category == ErrorCategory::WorkerLost || category == ErrorCategory::DeviceLost ||
         category == ErrorCategory::BrowserFailed;
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

base::Duration Replica::reloadTime() const {
  const auto timings = latestLoad().timings;
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double, std::milli>(
      timings.fetchMs + timings.compileMs + timings.warmupMs));
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
  // What failed in a page that is gone says nothing of the next one.
  if (!loaded_->isResident()) return std::nullopt;
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
    if (health_.failed(ticket, outcome.result.error(), now)) prove(ticket);
  }
}

void Replica::answeredRight(const std::vector<Tensor>& inputs,
                            const boost::json::object& parameters) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 20;
  // A run of a conversation would come between its turns.
  if (!loaded_->source->golden.empty() || parameters.contains("conversation")) return;
  const std::lock_guard lock(rightMutex_);
  if (!right_.empty()) return;
  std::size_t bytes = 0;
  for (const auto& input : inputs) bytes += input.data.size();
  if (bytes > kMostBytes) return;
  right_ = inputs;
  rightParameters_ = parameters;
}

Replica::Known Replica::known() const {
  const auto& source = *loaded_->source;
  if (!source.golden.empty()) {
    const auto& golden = source.golden.front();
    Known known{golden.inputs, source.parameters, &golden};
    for (const auto& [key, value] : golden.parameters) known.parameters[key] = value;
    return known;
  }
  const std::lock_guard lock(rightMutex_);
  if (!right_.empty()) return {right_, rightParameters_, nullptr};
  return {taskOf(source.description.task).sample, source.parameters, nullptr};
}

void Replica::prove(const WorkerHealth::Ticket& ticket) {
  auto known = this->known();
  const auto self = weak_from_this();
  if (known.inputs.empty() || self.expired()) {
    // It has never answered, so nothing says that it could: the page's own check must do.
    health_.proofSucceeded(ticket);
    return;
  }
  engine_->run(loaded_, std::move(known.inputs), std::move(known.parameters),
               {.timeout = options_.timeout},
               [self, ticket, golden = known.golden](RunOutcome outcome) {
                 const auto replica = self.lock();
                 if (replica) replica->proved(ticket, golden, std::move(outcome));
               });
}

void Replica::proved(const WorkerHealth::Ticket& ticket, const Golden* golden, RunOutcome outcome) {
  const auto& label = loaded_->connection->label();
  if (outcome.result) {
    const bool right =
        golden == nullptr || compareOutputs(comparable(std::move(outcome.result->outputs), *golden),
                                            golden->outputs, description().dtype)
                                 .agrees;
    if (right) {
      engine_->log().debug("{} on {}: runs failed by their inputs; known ones are answered right",
                           description().name, label);
      health_.proofSucceeded(ticket);
      return;
    }
    outcome.result = fail(ErrorCategory::WrongResult,
                          fmt::format("{} answers its golden inputs wrong", description().name));
  }
  const auto& error = outcome.result.error();
  // Others tell of a worker that is gone, and of what was cancelled or too late nothing is known.
  if (!sched::blamesWorker(error.category) || isLoss(error.category)) {
    health_.proofWithdrawn(ticket);
    return;
  }
  engine_->log().warn("{} on {} fails on known inputs, too: {}", description().name, label,
                      error.message);
  health_.proofFailed(ticket, error, base::SystemClock().now());
  engine_->knownInputsFailed(loaded_, ticket.page, error);
}

}  // namespace webpool::pool
