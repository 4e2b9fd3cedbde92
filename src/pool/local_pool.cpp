#include "pool/local_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <utility>

#include "onnx/check_inputs.h"
#include "pool/dtypes.h"
#include "pool/engine.h"
#include "pool/model_state.h"
#include "pool/observe.h"
#include "pool/precision.h"
#include "pool/signature.h"
#include "pool/task.h"
#include "pool/texts.h"

namespace webpool::pool {
namespace {

Result<Model> loadModel(const std::shared_ptr<Engine>& engine, std::string_view name,
                        const ModelOptions& options);

class LocalModel final : public Model::Runner {
 public:
  explicit LocalModel(std::shared_ptr<Model::State> state) : state_(std::move(state)) {
    for (const auto& spec : state_->info.inputs) signature_.inputs.push_back(toPort(spec));
  }
  ~LocalModel() override { state_->tryNoMore(); }
  LocalModel(const LocalModel&) = delete;
  LocalModel& operator=(const LocalModel&) = delete;

  const ModelInfo& info() const override { return state_->info; }

  void runAsync(std::vector<Tensor> inputs, const RunOptions& options,
                std::function<void(Result<Inference>)> done) override {
    const auto began = base::SystemClock().now();
    auto checked = onnx::checkInputs(signature_, inputs);
    if (checked) checked = checkTextInputs(inputs, !taskOf(state_->info.task).isRaw());
    if (!checked) {
      state_->refused(inputs, began, checked.error());
      return done(std::unexpected(checked.error()));
    }
    auto parameters = runParameters(options, state_->source->parameters);
    if (!parameters) {
      state_->refused(inputs, began, parameters.error());
      return done(std::unexpected(parameters.error()));
    }
    state_->run(std::move(inputs), std::move(*parameters), options, std::move(done));
  }

  void refused(const Error& error) override {
    state_->refused({}, base::SystemClock().now(), error);
  }

  void answeredWithoutRun(std::uint64_t items,
                          std::chrono::steady_clock::time_point began) override {
    state_->neededNoRun(items, began);
  }

  LoadTimings loadTimings() const override {
    auto timings = state_->loadTimings();
    if (!state_->options.lazy) timings.totalMs = state_->info.timings.totalMs;
    return timings;
  }

  std::map<std::string, std::uint64_t> fileSizes() const override {
    std::map<std::string, std::uint64_t> sizes;
    for (const auto& file : state_->source->files) sizes[file.path] = file.size;
    return sizes;
  }

  Result<Bytes> file(std::string_view path) override {
    const auto& files = state_->source->files;
    const auto found = std::ranges::find(files, path, &store::ModelFile::path);
    if (found == files.end() || found->isWeights()) {
      return fail(ErrorCategory::NotFound,
                  fmt::format("the model '{}' has no file {}", state_->info.name, path));
    }
    return state_->engine->readFile(*found);
  }

  Result<Model> component(std::string_view name, std::string_view task) override {
    auto options = state_->options;
    options.component = name;
    options.dtype = state_->info.dtype;
    options.precision = 0;
    options.task = task;
    options.lazy = true;
    options.progress = nullptr;
    return loadModel(state_->engine, state_->info.name, options);
  }

 private:
  std::shared_ptr<Model::State> state_;
  onnx::ModelInfo signature_;  ///< what is checked of inputs
};

Result<Model> open(const std::shared_ptr<Engine>& engine, Model::State::SourceRef source,
                   const ModelOptions& options, const std::string& loweredFrom,
                   std::vector<Model::State::SourceRef> untried = {}) {
  const auto began = base::SystemClock().now();
  auto state = std::make_shared<Model::State>(engine, std::move(source), options);
  if (auto opened = state->open(std::move(untried)); !opened) {
    return std::unexpected(opened.error());
  }
  state->info.loweredFrom = loweredFrom;
  state->info.timings.totalMs =
      std::chrono::duration<double, std::milli>(base::SystemClock().now() - began).count();
  return Model(std::make_shared<LocalModel>(std::move(state)));
}

/// The same model in the next lower precision that it has and that fits, where the caller left
/// that open; `full` is why the best one is not there.
Result<Model> openLower(const std::shared_ptr<Engine>& engine, std::string_view name,
                        const ModelOptions& options, const std::string& dtype, const Error& full) {
  for (const unsigned bits : lowerPrecisions(dtype)) {
    auto lower = options;
    lower.dtype.clear();
    lower.precision = bits;
    lower.mayLower = false;
    auto resolved = engine->resolve(name, lower);
    if (!resolved) continue;  // it has none of so many bits
    const auto chosen = resolved->description.dtype;
    auto model =
        open(engine, std::make_shared<const ResolvedModel>(std::move(*resolved)), lower, dtype);
    if (!model && model.error().category == ErrorCategory::OutOfMemory) continue;
    if (model && engine->options().notice) {
      engine->options().notice(fmt::format("{} runs in {}, because {} does not fit: {}", name,
                                           chosen, dtype, full.message));
    }
    return model;
  }
  return std::unexpected(full);
}

Result<Model> loadModel(const std::shared_ptr<Engine>& engine, std::string_view name,
                        const ModelOptions& options) {
  const auto began = base::SystemClock().now();
  auto resolved = engine->resolve(name, options);
  if (!resolved) {
    if (auto* const observer = engine->observer()) {
      observer->loaded(failedLoad(engine->nextLoad(),
                                  {.name = std::string(name),
                                   .component = options.component,
                                   .task = options.task,
                                   .dtype = options.dtype},
                                  began, resolved.error()));
    }
    return std::unexpected(resolved.error());
  }
  if (options.progress && !options.lazy) options.progress({"launch", "the browser", 0, 0});
  const auto dtypes = inDtypes(*engine, std::move(*resolved), options);
  const auto untried = untriedOf(dtypes);
  Result<Model> model = fail(ErrorCategory::Internal, "no dtype was tried");
  for (const auto& one : dtypes) {
    model = open(engine, one.model, options, "", untried);
    const bool another = !model && (model.error().category == ErrorCategory::WrongResult ||
                                    model.error().category == ErrorCategory::Unsupported);
    if (!another) break;
  }
  if (model || !(options.mayLower || leavesDtypeOpen(options))) return model;
  if (model.error().category != ErrorCategory::OutOfMemory) return model;
  const auto& dtype = dtypes.front().model->description.dtype;
  return openLower(engine, name, options, dtype, model.error());
}

class LocalPool final : public ResourcePool::Provider {
 public:
  explicit LocalPool(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  void start() override { engine_->start(); }

  Result<BrowserCapabilities> capabilities(std::string_view browser) override {
    const auto connected = engine_->connect({.browser = std::string(browser)}, {});
    if (!connected) return std::unexpected(connected.error());
    return connected->connection->facts().capabilities;
  }

  Result<Model> load(std::string_view model, const ModelOptions& options) override {
    return loadModel(engine_, model, options);
  }

  Result<ModelDescription> describe(std::string_view model, const ModelOptions& options) override {
    auto resolved = engine_->resolve(model, options);
    if (!resolved) return std::unexpected(resolved.error());
    return inDtypes(*engine_, std::move(*resolved), options).front().model->description;
  }

  Result<std::map<std::string, Bytes>> files(std::string_view model,
                                             const ModelOptions& options) override {
    const auto resolved = engine_->resolve(model, options);
    if (!resolved) return std::unexpected(resolved.error());
    std::map<std::string, Bytes> files;
    for (const auto& file : resolved->files) {
      auto bytes = engine_->readFile(file);
      if (!bytes) return std::unexpected(bytes.error());
      files.emplace(file.path, std::move(*bytes));
    }
    return files;
  }

  std::string origin() const override { return engine_->origin(); }
  std::optional<Invitation> invitation() const override { return engine_->invitation(); }
  std::vector<ConnectionStats> connections() const override { return engine_->connections(); }
  std::vector<ScalingEvent> scalingEvents() const override { return engine_->scalingEvents(); }
  std::vector<ModelCalls> calls() const override { return engine_->calls(); }
  void close() override { engine_->close(); }

 private:
  std::shared_ptr<Engine> engine_;
};

}  // namespace

Model handleOf(std::shared_ptr<Model::State> state) {
  return Model(std::make_shared<LocalModel>(std::move(state)));
}

Result<std::shared_ptr<ResourcePool::Provider>> openLocalPool(PoolOptions options) {
  auto engine = Engine::open(std::move(options));
  if (!engine) return std::unexpected(engine.error());
  return std::make_shared<LocalPool>(std::move(*engine));
}

}  // namespace webpool::pool
