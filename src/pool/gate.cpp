#include "pool/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "pool/agreements.h"
#include "pool/seeded_inputs.h"
#include "pool/task.h"
#include "sched/blame.h"

namespace webpool::pool {
namespace {

constexpr std::uint64_t kSeed = 1;

constexpr const char* kSameBrowser = "wasm in the same browser";

/// Such a model answers differently each time.
bool drawsRandomNumbers(const onnx::ModelInfo& graph) {
  constexpr std::array kOperators{"RandomNormal",      "RandomNormalLike", "RandomUniform",
                                  "RandomUniformLike", "Multinomial",      "Bernoulli"};
  return std::ranges::any_of(kOperators,
                             [&](const char* name) { return graph.opCounts.contains(name); });
}

/// The model did not take the inputs, which says nothing of what it does with others.
bool isDeclined(const Error& error) {
  return error.category == ErrorCategory::InvalidInput ||
         error.category == ErrorCategory::Unsupported ||
         error.category == ErrorCategory::OutOfMemory || error.category == ErrorCategory::Internal;
}

Error saysNothing() {
  return {ErrorCategory::InvalidInput, "the answer to them says nothing", ""};
}

}  // namespace

Gate::Gate(std::shared_ptr<Engine> engine, std::shared_ptr<Loaded> worker, ModelOptions options)
    : engine_(std::move(engine)), loaded_(std::move(worker)), options_(std::move(options)) {
  options_.progress = nullptr;
}

Gate::~Gate() {
  dropReference();
}

std::optional<Error> Gate::refusal() {
  if (refused_) return refused_;
  if (const auto known = engine_->refusals().find(combination())) {
    refused_ = Error{ErrorCategory::WrongResult,
                     fmt::format("{} (found on {})", known->message, known->on),
                     fmt::format("{}; `webpool clean` forgets it", known->hint)};
  }
  return refused_;
}

Result<void> Gate::check(const Inputs& inputs, const boost::json::object& parameters,
                         const std::stop_token& stop) {
  if (isOpen()) return {};
  if (refused_) return std::unexpected(*refused_);
  const auto incarnation = loaded_->incarnation.load();
  const auto done =
      source().golden.empty() ? checkByOthers(inputs, parameters, stop) : checkGolden(stop);
  if (!done) {
    if (refused_) dropReference();
    return std::unexpected(done.error());
  }
  if (!*done) return {};
  dropReference();
  openIn_ = incarnation;
  engine_->gatePassed(loaded_);
  return {};
}

std::string Gate::checkedBy() const {
  const std::lock_guard lock(byMutex_);
  return by_;
}

void Gate::setCheckedBy(std::string by) {
  const std::lock_guard lock(byMutex_);
  by_ = std::move(by);
}

const boost::json::object& Gate::parametersOfTask() const {
  return source().parameters;
}

Result<bool> Gate::checkGolden(const std::stop_token& stop) {
  const bool given = source().goldenGiven;
  const std::string by = given ? "golden file" : "golden answer";
  for (const auto& golden : source().golden) {
    auto parameters = parametersOfTask();
    for (const auto& [key, value] : golden.parameters) parameters[key] = value;
    auto answer = run(golden.inputs, parameters, stop);
    if (!answer) {
      // The inputs are right, so it is not they.
      if (sched::isDoubtful(answer.error().category)) engine_->gateFailed(loaded_, answer.error());
      return std::unexpected(answer.error());
    }
    if (auto right = judge(comparable(std::move(*answer), golden), golden.outputs,
                           given           ? "the model's golden file"
                           : source().gguf ? "native llama.cpp"
                                           : "native ONNX Runtime");
        !right) {
      return std::unexpected(right.error());
    }
    // WASM is one code for all sizes; other backends choose kernels by size, so all are tried.
    if (isWasm() && !given) break;
  }
  setCheckedBy(by);
  return true;
}

void Gate::chooseOther() {
  if (std::exchange(otherChosen_, true)) return;
  if (drawsRandomNumbers(source().graph)) {
    setCheckedBy("nothing: the model draws random numbers");
    return;
  }
  if (isJoined()) {
    const auto names = engine_->browserNames();
    if (names && !names->empty()) {
      trusted_ = std::make_unique<OtherEngine>(engine_, loaded_->source, options_, names->front());
    }
    setCheckedBy(trusted_ ? "nothing: it was not called yet"
                          : "nothing: the pool launches no browser");
    return;
  }
  const auto what = combination();
  if (const auto known = Agreements(engine_->options().cacheFolder / "agreed.json").find(what)) {
    setCheckedBy(known->by);
    return;
  }
  // A further browser is launched only where a person named several.
  const auto other = otherEngineThan(what.browser, engine_->options().browsers);
  setCheckedBy(other || !isWasm() ? "nothing: it was not called yet"
                                  : "nothing: the pool has no other engine");
  if (!other) return;
  other_ = std::make_unique<OtherEngine>(engine_, loaded_->source, options_, *other);
}

Result<bool> Gate::checkByOthers(const Inputs& inputs, const boost::json::object& parameters,
                                 const std::stop_token& stop) {
  chooseOther();
  const auto incarnation = loaded_->incarnation.load();
  if (standingIn_ != incarnation) {
    if (auto right = checkStanding(stop); !right) return std::unexpected(right.error());
    standingIn_ = incarnation;
    comparisonsLeft_ = kComparedCalls;
  }
  // A device gets no calls before its gate is open.
  if (trusted_ && standingAgreed_ > 0) return true;
  // WASM is only compared with another engine's, once.
  const bool once = isWasm() && !trusted_;
  if (once && !other_) return true;
  if (inputs.empty()) return false;
  if (auto right = compare(inputs, parameters, false, stop); !right) {
    return std::unexpected(right.error());
  }
  return once || --comparisonsLeft_ <= 0;
}

void Gate::makeStanding() {
  if (standing_) return;
  standing_.emplace();
  if (drawsRandomNumbers(source().graph)) return;
  if (const auto& task = taskOf(source().description.task); !task.isRaw()) {
    standing_->push_back(task.sample);
    return;
  }
  for (const auto size : {SeededSize::Small, SeededSize::Larger}) {
    auto inputs = seededInputs(source().graph.inputs, kSeed, size);
    if (!inputs) {
      engine_->log().debug("no inputs can be made for {}: {}", source().description.name,
                           inputs.error().message);
      return;
    }
    if (!inputs->empty()) standing_->push_back(std::move(*inputs));
    // WASM is one code for all sizes.
    if (isWasm() || hasFixedShapes(source().graph.inputs)) return;
  }
}

Result<void> Gate::checkStanding(const std::stop_token& stop) {
  standingAgreed_ = 0;
  if (isWasm() && !other_ && !trusted_) return {};
  makeStanding();
  for (std::size_t i = 0; i < standing_->size(); ++i) {
    auto right = compare((*standing_)[i], parametersOfTask(), true, stop);
    if (right) {
      ++standingAgreed_;
      continue;
    }
    const auto& error = right.error();
    if (refused_ || error.category == ErrorCategory::Cancelled) return right;
    // Not tried again, also where they cost the page: the first calls are compared all the same.
    standing_->resize(i);
    if (!isDeclined(error)) return right;
    engine_->log().debug("{} did not take the inputs that were made for it: {}",
                         source().description.name, error.message);
  }
  return {};
}

Result<void> Gate::compare(const Inputs& inputs, const boost::json::object& parameters,
                           bool standing, const std::stop_token& stop) {
  // The reference first: what it does not take is kept from the worker, which may be the worse for
  // a run that failed.
  std::optional<std::vector<Tensor>> expected;
  if (!isWasm() || trusted_) {
    auto theirs =
        trusted_ ? trusted_->run(inputs, parameters, stop) : runOnWasm(inputs, parameters, stop);
    if (!theirs) return std::unexpected(theirs.error());
    if (standing && !saysSomething(*theirs)) return std::unexpected(saysNothing());
    expected = std::move(*theirs);
  }
  const auto answer = run(inputs, parameters, stop);
  if (!answer) {
    if (standing && expected && isDeclined(answer.error())) return std::unexpected(startAnew());
    return std::unexpected(answer.error());
  }
  if (expected) {
    const auto by = trusted_ ? trusted_->label() : std::string(kSameBrowser);
    if (auto right = judge(*answer, *expected, by); !right) return right;
    if (checkedBy().starts_with("nothing")) setCheckedBy(by);
  }
  return other_ ? compareWithOther(inputs, parameters, *answer, standing, stop) : Result<void>{};
}

/// A backend that failed on what WASM computes may never answer again.
Error Gate::startAnew() {
  engine_->unload(loaded_);
  return {ErrorCategory::WorkerLost,
          fmt::format("{} failed on the inputs that were made for it", source().description.name),
          "call again: the pool loads it anew"};
}

Result<void> Gate::compareWithOther(const Inputs& inputs, const boost::json::object& parameters,
                                    const std::vector<Tensor>& answer, bool standing,
                                    const std::stop_token& stop) {
  const auto theirs = other_->run(inputs, parameters, stop);
  if (!theirs && theirs.error().category == ErrorCategory::Cancelled) {
    return std::unexpected(theirs.error());
  }
  if (theirs && standing && !saysSomething(*theirs)) return std::unexpected(saysNothing());
  const auto other = std::move(other_);  // it is asked once
  if (!theirs) {
    engine_->log().debug("no other engine could be asked: {}", theirs.error().describe());
    if (isWasm()) setCheckedBy("nothing: no other engine could be asked");
    return {};
  }
  const auto by = other->label();
  if (auto right = judge(answer, *theirs, by); !right) return right;
  other->gatePassed();
  setCheckedBy(by);
  Agreements agreements(engine_->options().cacheFolder / "agreed.json");
  const auto what = combination();
  auto kept = agreements.add({what, by, today()});
  if (kept && isWasm()) {
    kept = agreements.add(
        {other->combination(), fmt::format("wasm of {} {}", what.browser, what.version), today()});
  }
  if (!kept) engine_->log().warn("{}", kept.error().describe());
  return {};
}

Result<std::vector<Tensor>> Gate::run(const Inputs& inputs, const boost::json::object& parameters,
                                      const std::stop_token& stop) {
  auto answer =
      engine_->runAndWait(loaded_, inputs, parameters, {.timeout = options_.timeout, .stop = stop});
  if (!answer) return std::unexpected(answer.error());
  if (firstRunMs_ == 0) firstRunMs_ = answer->timings.runMs;
  return std::move(answer->outputs);
}

Result<std::vector<Tensor>> Gate::runOnWasm(const Inputs& inputs,
                                            const boost::json::object& parameters,
                                            const std::stop_token& stop) {
  if (!reference_) {
    reference_ =
        engine_->newWorker(loaded_->source, loaded_->connection, Backend::Wasm, loaded_->threads);
  }
  if (!reference_->isResident()) {
    auto wanted = options_;
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

void Gate::dropReference() {
  if (reference_) engine_->unload(reference_);
  reference_.reset();
}

Result<void> Gate::judge(const std::vector<Tensor>& answer, const std::vector<Tensor>& expected,
                         const std::string& by) {
  const auto& description = source().description;
  const auto agreement = compareOutputs(answer, expected, description.dtype);
  if (agreement.agrees) return {};
  refused_ = wrongResult(agreement, by);
  engine_->gateFailed(loaded_, *refused_);
  // What a device calls itself must not stand for a browser of this machine.
  if (isJoined()) return std::unexpected(*refused_);
  const auto kept = engine_->refusals().add(
      {combination(), description.name, refused_->message, refused_->hint, today()});
  if (!kept) engine_->log().warn("{}", kept.error().describe());
  return std::unexpected(*refused_);
}

Combination Gate::combination() const {
  const auto& description = source().description;
  const auto capabilities = loaded_->connection->facts().capabilities;
  const bool onGpu = loaded_->backend == Backend::WebGpu && capabilities.webgpu;
  return {
      combinedName(description), description.dtype,    std::string(backendName(loaded_->backend)),
      capabilities.browser,      capabilities.version, onGpu ? capabilities.webgpu->label() : ""};
}

Error Gate::wrongResult(const Agreement& agreement, const std::string& by) const {
  const auto what = combination();
  const char* hint = "use WebAssembly (wasm, or cpu), or another dtype";
  if (isWasm()) {
    hint = source().goldenGiven ? "try another browser, or check the model's golden file"
                                : "try another browser";
  }
  return {
      ErrorCategory::WrongResult,
      fmt::format("{} {} on {}{} of {} {} answers wrong: output '{}' {}, so it is not served",
                  source().description.name, what.dtype, what.backend,
                  what.adapter.empty() ? "" : " (" + what.adapter + ")", what.browser, what.version,
                  agreement.worst,
                  std::isfinite(agreement.relativeError)
                      ? fmt::format("is off by {:.1f} % from {} (allowed: {:.1f} %)",
                                    agreement.relativeError * 100, by, agreement.tolerance * 100)
                      : fmt::format("is not that of {}", by)),
      hint};
}

}  // namespace webpool::pool
