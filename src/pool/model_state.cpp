#include "pool/model_state.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "onnx/check_inputs.h"
#include "onnx/json_tensors.h"
#include "pool/agreement.h"
#include "pool/signature.h"

namespace webpool {
namespace {

constexpr double kLabelShare = 0.9;

double millisecondsSince(base::TimePoint began) {
  return std::chrono::duration<double, std::milli>(base::SystemClock().now() - began).count();
}

RanOn ranOnOf(const pool::Loaded& model, const pool::LoadOutcome& outcome) {
  RanOn ranOn;
  ranOn.browser = outcome.browser.browser;
  ranOn.browserVersion = outcome.browser.version;
  ranOn.backend = model.backend;
  ranOn.dtype = model.source.description.dtype;
  ranOn.wasmThreads = model.threads;
  if (const auto& placed = outcome.answer.placement) {
    ranOn.placement = Placement{static_cast<std::uint32_t>(placed->counted),
                                static_cast<std::uint32_t>(placed->onBackend)};
  }
  if (model.backend == Backend::WebGpu) ranOn.adapter = outcome.browser.webgpu;
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

Model::State::State(std::shared_ptr<pool::Engine> owner, std::shared_ptr<pool::Loaded> model,
                    ModelOptions chosen)
    : engine(std::move(owner)), loaded(std::move(model)), options(std::move(chosen)) {}

Model::State::~State() {
  dropReference();
  engine->unload(loaded);
}

Result<void> Model::State::ensureLoaded(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (engine->isResident(loaded)) return {};
  auto wanted = options;
  if (!info.name.empty()) wanted.progress = nullptr;  // a reload is not the caller's step
  wanted.stop = stop;
  // The check against the golden answer, where one follows, is the first run.
  const bool checkFollows = !checked_ && !loaded->source.golden.empty();
  auto outcome = engine->loadOnPage(loaded, wanted, !checkFollows);
  if (!outcome) return std::unexpected(outcome.error());
  if (!info.name.empty()) return {};
  const auto& description = loaded->source.description;
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
  const auto& timings = outcome->answer.timings;
  info.timings = {.launchMs = outcome->launchMs,
                  .fetchMs = timings.fetchMs,
                  .compileMs = timings.compileMs,
                  .warmupMs = checkFollows ? 0 : timings.warmupMs,
                  .totalMs = 0,
                  .bytesNetwork = timings.bytesNetwork,
                  .bytesCache = timings.bytesCache};
  info.ranOn = ranOnOf(*loaded, *outcome);
  return {};
}

Result<std::vector<Tensor>> Model::State::reference(const std::vector<Tensor>& inputs,
                                                    const boost::json::object& parameters,
                                                    const std::stop_token& stop) {
  if (!reference_) {
    reference_ = std::make_shared<pool::Loaded>();
    reference_->handle = engine->newHandle();
    reference_->source = loaded->source;
    reference_->backend = Backend::Wasm;
    reference_->threads = loaded->threads;
  }
  if (!engine->isResident(reference_)) {
    ModelOptions wanted = options;
    wanted.stop = stop;
    if (auto outcome = engine->loadOnPage(reference_, wanted, false); !outcome) {
      return std::unexpected(outcome.error());
    }
  }
  auto result = engine->runAndWait(reference_, inputs, parameters,
                                   {.timeout = options.timeout, .stop = stop});
  if (!result) return std::unexpected(result.error());
  return std::move(result->outputs);
}

void Model::State::dropReference() {
  if (reference_) engine->unload(reference_);
  reference_.reset();
}

Result<void> Model::State::ensureChecked(const std::vector<Tensor>& inputs,
                                         const boost::json::object& parameters,
                                         const std::stop_token& stop) {
  if (checked_) return {};
  const std::lock_guard lock(mutex_);
  if (refused_) return std::unexpected(*refused_);
  if (checked_) return {};
  const bool wasm = loaded->backend == Backend::Wasm;
  if (loaded->source.golden.empty()) {
    // WASM is the reference itself.
    if (!wasm) {
      if (auto right = compareWithWasm(inputs, parameters, stop); !right) return right;
    }
    if (!wasm && --comparisonsLeft_ > 0) return {};
    dropReference();
    checked_ = true;
    return {};
  }
  for (const auto& text : loaded->source.golden) {
    const auto golden = readGolden(text);
    if (!golden) return std::unexpected(golden.error());
    const auto answer = engine->runAndWait(loaded, golden->inputs, parameters,
                                           {.timeout = options.timeout, .stop = stop});
    if (!answer) return std::unexpected(answer.error());
    // Golden answers are checked inside the load, where `info` may still change.
    if (info.timings.warmupMs == 0) info.timings.warmupMs = answer->timings.runMs;
    if (auto right = judge(answer->outputs, golden->outputs, "native ONNX Runtime"); !right) {
      return right;
    }
    // WASM is one code for all sizes; other backends choose kernels by size, so all are tried.
    if (wasm) break;
  }
  checked_ = true;
  return {};
}

Result<void> Model::State::compareWithWasm(const std::vector<Tensor>& inputs,
                                           const boost::json::object& parameters,
                                           const std::stop_token& stop) {
  const auto answer =
      engine->runAndWait(loaded, inputs, parameters, {.timeout = options.timeout, .stop = stop});
  if (!answer) return std::unexpected(answer.error());
  const auto expected = reference(inputs, parameters, stop);
  if (!expected) return std::unexpected(expected.error());
  auto right = judge(answer->outputs, *expected, "wasm in the same browser");
  if (!right) dropReference();
  return right;
}

Result<void> Model::State::judge(const std::vector<Tensor>& answer,
                                 const std::vector<Tensor>& expected, const char* by) {
  const auto agreement = pool::compareOutputs(answer, expected, info.dtype);
  if (agreement.agrees) return {};
  refused_ = wrongResult(agreement, by);
  return std::unexpected(*refused_);
}

Error Model::State::wrongResult(const pool::Agreement& agreement, const char* by) const {
  return {
      ErrorCategory::WrongResult,
      fmt::format("{} {} on {}{} of {} {} answers wrong: output '{}' is off by {:.1f} % from {} "
                  "(allowed: {:.1f} %), so it is not served",
                  info.name, info.dtype, backendName(loaded->backend),
                  info.ranOn.adapter ? " (" + info.ranOn.adapter->label() + ")" : "",
                  info.ranOn.browser, info.ranOn.browserVersion, agreement.worst,
                  agreement.relativeError * 100, by, agreement.tolerance * 100),
      loaded->backend == Backend::Wasm ? "try another browser"
                                       : "use --backend wasm, or another --dtype"};
}

void Model::State::send(std::vector<Tensor> inputs, boost::json::object parameters,
                        const RunOptions& runOptions, base::TimePoint began,
                        std::function<void(Result<Inference>)> done) {
  engine->run(
      loaded, std::move(inputs), std::move(parameters), runOptions,
      [self = shared_from_this(), began, done = std::move(done)](Result<wire::RunResult> result) {
        if (!result) {
          done(std::unexpected(std::move(result.error())));
          return;
        }
        done(Inference{std::move(result->outputs),
                       {result->timings.queueMs, result->timings.runMs, millisecondsSince(began)},
                       self->info.ranOn});
      });
}

void Model::State::run(std::vector<Tensor> inputs, boost::json::object parameters,
                       const RunOptions& runOptions, std::function<void(Result<Inference>)> done) {
  const auto began = base::SystemClock().now();
  if (checked_ && engine->isResident(loaded)) {
    send(std::move(inputs), std::move(parameters), runOptions, began, std::move(done));
    return;
  }
  const bool begun =
      engine->inBackground([self = shared_from_this(), inputs = std::move(inputs),
                            parameters = std::move(parameters), runOptions, began, done]() mutable {
        if (auto there = self->ensureLoaded(runOptions.stop); !there) {
          done(std::unexpected(there.error()));
          return;
        }
        if (auto right = self->ensureChecked(inputs, parameters, runOptions.stop); !right) {
          done(std::unexpected(right.error()));
          return;
        }
        self->send(std::move(inputs), std::move(parameters), runOptions, began, std::move(done));
      });
  if (!begun) done(std::unexpected(engine->closedError()));
}

}  // namespace webpool
