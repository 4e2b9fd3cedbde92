#include "pool/replica.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <utility>

#include "onnx/json_tensors.h"

namespace webpool::pool {
namespace {

constexpr double kLabelShare = 0.9;

RanOn ranOnOf(const Loaded& model, const LoadOutcome& outcome) {
  RanOn ranOn;
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

struct Golden {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
};

/// The catalogue's golden answer, {"inputs": [tensors], "outputs": [tensors]}.
Result<Golden> readGolden(const std::string& text) {
  Golden golden;
  auto inputs = onnx::readJsonTensors(text, nullptr);
  if (!inputs) return std::unexpected(inputs.error());
  golden.inputs = std::move(*inputs);
  const auto outputs = boost::json::parse(text).at("outputs");
  auto tensors = onnx::readJsonTensors(
      boost::json::serialize(boost::json::object{{"inputs", outputs}}), nullptr);
  if (!tensors) return std::unexpected(tensors.error());
  golden.outputs = std::move(*tensors);
  return golden;
}

}  // namespace

Replica::Replica(std::shared_ptr<Engine> engine, std::shared_ptr<Loaded> worker,
                 ModelOptions options)
    : engine_(std::move(engine)), loaded_(std::move(worker)), options_(std::move(options)) {}

Replica::~Replica() {
  dropReference();
  engine_->unload(loaded_);
}

Result<void> Replica::ensureLoaded(const ProgressCallback& progress, const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (loaded_->isResident()) return {};
  if (!refused_) refused_ = knownRefusal();
  if (refused_) return std::unexpected(*refused_);
  auto wanted = options_;
  wanted.progress = progress;
  wanted.stop = stop;
  // The check against the golden answer, where one follows, is the first run.
  const bool checkFollows = !loaded_->source->golden.empty();
  auto outcome = engine_->loadOnPage(loaded_, wanted, !checkFollows);
  if (!outcome) return std::unexpected(outcome.error());
  if (loadedOnce_) return {};
  loadedOnce_ = true;
  const auto& timings = outcome->answer.timings;
  timings_ = {.launchMs = outcome->connection.launchMs,
              .fetchMs = timings.fetchMs,
              .compileMs = timings.compileMs,
              .warmupMs = checkFollows ? 0 : timings.warmupMs,
              .totalMs = 0,
              .bytesNetwork = timings.bytesNetwork,
              .bytesCache = timings.bytesCache};
  ranOn_ = ranOnOf(*loaded_, *outcome);
  return {};
}

Result<std::vector<Tensor>> Replica::reference(const std::vector<Tensor>& inputs,
                                               const boost::json::object& parameters,
                                               const std::stop_token& stop) {
  if (!reference_) {
    reference_ =
        engine_->newWorker(loaded_->source, loaded_->connection, Backend::Wasm, loaded_->threads);
  }
  if (!reference_->isResident()) {
    ModelOptions wanted = options_;
    wanted.progress = nullptr;
    wanted.stop = stop;
    if (auto outcome = engine_->loadOnPage(reference_, wanted, false); !outcome) {
      return std::unexpected(outcome.error());
    }
  }
  auto result = engine_->runAndWait(reference_, inputs, parameters,
                                    {.timeout = options_.timeout, .stop = stop});
  if (!result) return std::unexpected(result.error());
  return std::move(result->outputs);
}

void Replica::dropReference() {
  if (reference_) engine_->unload(reference_);
  reference_.reset();
}

Result<void> Replica::ensureChecked(const std::vector<Tensor>& inputs,
                                    const boost::json::object& parameters,
                                    const std::stop_token& stop) {
  if (isServing()) return {};
  const std::lock_guard lock(mutex_);
  if (refused_) return std::unexpected(*refused_);
  const auto incarnation = loaded_->incarnation.load();
  if (checkedIn_ == incarnation) return {};
  const bool wasm = loaded_->backend == Backend::Wasm;
  if (loaded_->source->golden.empty()) {
    // WASM is the reference itself.
    if (!wasm) {
      if (auto right = compareWithWasm(inputs, parameters, stop); !right) return right;
    }
    if (!wasm && --comparisonsLeft_ > 0) return {};
    comparisonsLeft_ = kComparedCalls;
    dropReference();
    checkedIn_ = incarnation;
    engine_->gatePassed(loaded_);
    return {};
  }
  for (const auto& text : loaded_->source->golden) {
    const auto golden = readGolden(text);
    if (!golden) return std::unexpected(golden.error());
    const auto answer = engine_->runAndWait(loaded_, golden->inputs, parameters,
                                            {.timeout = options_.timeout, .stop = stop});
    if (!answer) return std::unexpected(answer.error());
    if (timings_.warmupMs == 0) timings_.warmupMs = answer->timings.runMs;
    if (auto right = judge(answer->outputs, golden->outputs, "native ONNX Runtime"); !right) {
      return right;
    }
    // WASM is one code for all sizes; other backends choose kernels by size, so all are tried.
    if (wasm) break;
  }
  checkedIn_ = incarnation;
  engine_->gatePassed(loaded_);
  return {};
}

Result<void> Replica::compareWithWasm(const std::vector<Tensor>& inputs,
                                      const boost::json::object& parameters,
                                      const std::stop_token& stop) {
  const auto answer =
      engine_->runAndWait(loaded_, inputs, parameters, {.timeout = options_.timeout, .stop = stop});
  if (!answer) return std::unexpected(answer.error());
  const auto expected = reference(inputs, parameters, stop);
  if (!expected) return std::unexpected(expected.error());
  auto right = judge(answer->outputs, *expected, "wasm in the same browser");
  if (!right) dropReference();
  return right;
}

Result<void> Replica::judge(const std::vector<Tensor>& answer, const std::vector<Tensor>& expected,
                            const char* by) {
  const auto agreement = compareOutputs(answer, expected, description().dtype);
  if (agreement.agrees) return {};
  refused_ = wrongResult(agreement, by);
  engine_->gateFailed(loaded_, *refused_);
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const std::chrono::year_month_day day(today);
  const auto kept = engine_->refusals().add(
      {combination(), description().name, refused_->message, refused_->hint,
       fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                   static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()))});
  if (!kept) engine_->log().warn("{}", kept.error().describe());
  return std::unexpected(*refused_);
}

Combination Replica::combination() const {
  const auto capabilities = loaded_->connection->facts().capabilities;
  const bool onGpu = loaded_->backend == Backend::WebGpu && capabilities.webgpu;
  return {description().cid,    description().dtype,  std::string(backendName(loaded_->backend)),
          capabilities.browser, capabilities.version, onGpu ? capabilities.webgpu->label() : ""};
}

std::optional<Error> Replica::knownRefusal() const {
  const auto refusal = engine_->refusals().find(combination());
  if (!refusal) return std::nullopt;
  return Error{ErrorCategory::WrongResult,
               fmt::format("{} (found on {})", refusal->message, refusal->on),
               fmt::format("{}; `webpool clean` forgets it", refusal->hint)};
}

Error Replica::wrongResult(const Agreement& agreement, const char* by) const {
  return {
      ErrorCategory::WrongResult,
      fmt::format("{} {} on {}{} of {} {} answers wrong: output '{}' is off by {:.1f} % from {} "
                  "(allowed: {:.1f} %), so it is not served",
                  description().name, description().dtype, backendName(loaded_->backend),
                  ranOn_.adapter ? " (" + ranOn_.adapter->label() + ")" : "", ranOn_.browser,
                  ranOn_.browserVersion, agreement.worst, agreement.relativeError * 100, by,
                  agreement.tolerance * 100),
      loaded_->backend == Backend::Wasm ? "try another browser"
                                        : "use --backend wasm, or another --dtype"};
}

std::uint64_t Replica::runs() const {
  const std::lock_guard lock(breakerMutex_);
  return breakerOf_ == loaded_->incarnation ? runs_ : 0;
}

void Replica::warmUp(const std::vector<Tensor>& sample, const boost::json::object& parameters,
                     const std::stop_token& stop) {
  constexpr unsigned kRuns = 25;
  auto inputs = sample;
  if (!loaded_->source->golden.empty()) {
    auto golden = readGolden(loaded_->source->golden.front());
    if (golden) inputs = std::move(golden->inputs);
  }
  if (inputs.empty() || loaded_->backend != Backend::Wasm) return;
  for (unsigned i = 0; i < kRuns && isServing() && !stop.stop_requested(); ++i) {
    const auto ticket = runBegan();
    const auto answer = engine_->runAndWait(loaded_, inputs, parameters,
                                            {.timeout = options_.timeout, .stop = stop});
    runEnded(ticket, answer ? nullptr : &answer.error());
    if (!answer) return;
  }
}

std::optional<Error> Replica::obstacle() const {
  const std::lock_guard lock(breakerMutex_);
  const auto now = base::SystemClock().now();
  if (breakerOf_ != loaded_->incarnation || breaker_.allows(now)) return std::nullopt;
  const auto trialAt = breaker_.trialAt();
  const auto wait =
      trialAt ? std::chrono::ceil<std::chrono::seconds>(*trialAt - now) : std::chrono::seconds(0);
  return Error{ErrorCategory::WorkerLost,
               fmt::format("{} on {} of {} failed too often in a row{}{}", description().name,
                           backendName(loaded_->backend), loaded_->connection->label(),
                           breaker_.cause() ? "; at last: " : "",
                           breaker_.cause() ? breaker_.cause()->message : ""),
               fmt::format("it is tried again in {} s", std::max<long>(1, wait.count()))};
}

sched::CircuitBreaker::Ticket Replica::runBegan() {
  const std::lock_guard lock(breakerMutex_);
  // A page that is new has failed at nothing.
  if (const auto now = loaded_->incarnation.load(); breakerOf_ != now) {
    breaker_ = sched::CircuitBreaker();
    breakerOf_ = now;
    runs_ = 0;
  }
  ++openRuns;
  return breaker_.begin(base::SystemClock().now());
}

void Replica::runEnded(sched::CircuitBreaker::Ticket ticket, const Error* error) {
  const std::lock_guard lock(breakerMutex_);
  --openRuns;
  if (error == nullptr) {
    breaker_.succeeded(ticket);
    ++runs_;
  } else {
    breaker_.failed(ticket, *error, base::SystemClock().now());
  }
}

}  // namespace webpool::pool
