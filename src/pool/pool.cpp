// The public handles: ResourcePool and Model.
#include "webpool/pool.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "onnx/check_inputs.h"
#include "pool/engine.h"
#include "pool/model_state.h"
#include "pool/observe.h"
#include "pool/pending.h"
#include "pool/signature.h"
#include "pool/task.h"
#include "pool/texts.h"

namespace webpool {

namespace pool {
namespace {

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
  auto state = std::make_shared<Model::State>(
      engine, std::make_shared<const ResolvedModel>(std::move(*resolved)), options);
  if (auto opened = state->open(); !opened) return std::unexpected(opened.error());
  state->info.timings.totalMs =
      std::chrono::duration<double, std::milli>(base::SystemClock().now() - began).count();
  return Model(std::move(state));
}

}  // namespace
}  // namespace pool

namespace {

Result<Inference> runAndWait(Model::State& state, std::vector<Tensor> inputs,
                             boost::json::object parameters, const RunOptions& options) {
  auto pending = std::make_shared<pool::Pending<Inference>>();
  state.run(std::move(inputs), std::move(parameters), options,
            [pending](Result<Inference> result) { pending->set(std::move(result)); });
  return pending->wait({});
}

}  // namespace

Result<std::unique_ptr<ResourcePool>> ResourcePool::open(PoolOptions options) {
  auto engine = pool::Engine::open(std::move(options));
  if (!engine) return std::unexpected(engine.error());
  return std::unique_ptr<ResourcePool>(new ResourcePool(std::move(*engine)));
}

ResourcePool::ResourcePool(std::shared_ptr<pool::Engine> engine) : engine_(std::move(engine)) {}

ResourcePool::~ResourcePool() {
  close();
}

void ResourcePool::start() {
  engine_->start();
}

Result<BrowserCapabilities> ResourcePool::capabilities(std::string_view browser) {
  const auto connection = engine_->connect({.browser = std::string(browser)}, {});
  if (!connection) return std::unexpected(connection.error());
  return (*connection)->facts().capabilities;
}

Result<Model> ResourcePool::load(std::string_view name, const ModelOptions& options) {
  return pool::loadModel(engine_, name, options);
}

Result<ModelDescription> ResourcePool::describe(std::string_view model,
                                                const ModelOptions& options) {
  auto resolved = engine_->resolve(model, options);
  if (!resolved) return std::unexpected(resolved.error());
  return std::move(resolved->description);
}

Result<std::map<std::string, Bytes>> ResourcePool::files(std::string_view model,
                                                         const ModelOptions& options) {
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

std::string ResourcePool::origin() const {
  return engine_->origin();
}

std::optional<Invitation> ResourcePool::invitation() const {
  return engine_->invitation();
}

std::vector<ConnectionStats> ResourcePool::connections() const {
  return engine_->connections();
}

std::vector<ScalingEvent> ResourcePool::scalingEvents() const {
  return engine_->scalingEvents();
}

void ResourcePool::close() {
  engine_->close();
}

const ModelInfo& Model::info() const {
  return state_->info;
}

Result<Bytes> Model::file(std::string_view path) const {
  const auto& files = state_->source->files;
  const auto found = std::ranges::find(files, path, &store::ModelFile::path);
  if (found == files.end() || found->isWeights()) {
    return fail(ErrorCategory::NotFound,
                fmt::format("the model '{}' has no file {}", state_->info.name, path));
  }
  return state_->engine->readFile(*found);
}

Result<Model> Model::component(std::string_view name, std::string_view task) const {
  auto options = state_->options;
  options.component = name;
  options.dtype = state_->info.dtype;
  options.precision = 0;
  options.task = task;
  options.lazy = true;
  options.progress = nullptr;
  return pool::loadModel(state_->engine, state_->info.name, options);
}

LoadTimings Model::loadTimings() const {
  auto timings = state_->loadTimings();
  if (!state_->options.lazy) timings.totalMs = state_->info.timings.totalMs;
  return timings;
}

std::uint64_t Model::bytesTogether(std::span<const Model> graphs) {
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& graph : graphs) {
    for (const auto& file : graph.state_->source->files) sizes[file.path] = file.size;
  }
  std::uint64_t bytes = 0;
  for (const auto& [path, size] : sizes) bytes += size;
  return bytes;
}

void Model::answeredWithoutRun(std::uint64_t items,
                               std::chrono::steady_clock::time_point began) const {
  state_->neededNoRun(items, began);
}

void Model::runAsync(std::vector<Tensor> inputs, const RunOptions& options,
                     std::function<void(Result<Inference>)> done) const {
  onnx::ModelInfo signature;
  for (const auto& spec : state_->info.inputs) signature.inputs.push_back(pool::toPort(spec));
  const auto began = base::SystemClock().now();
  if (auto checked = onnx::checkInputs(signature, inputs); !checked) {
    state_->refused(inputs, began, checked.error());
    done(std::unexpected(checked.error()));
    return;
  }
  auto parameters = pool::runParameters(options, state_->source->parameters);
  if (!parameters) {
    state_->refused(inputs, began, parameters.error());
    done(std::unexpected(parameters.error()));
    return;
  }
  state_->run(std::move(inputs), std::move(*parameters), options, std::move(done));
}

Result<Inference> Model::run(std::vector<Tensor> inputs, const RunOptions& options) const {
  auto pending = std::make_shared<pool::Pending<Inference>>();
  runAsync(std::move(inputs), options,
           [pending](Result<Inference> result) { pending->set(std::move(result)); });
  return pending->wait({});
}

Result<Embeddings> Model::embed(std::span<const std::string> texts,
                                const RunOptions& options) const {
  if (state_->info.task != "text-embedding") {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the model '{}' was loaded for the task {}", state_->info.name,
                            state_->info.task),
                "load it with the task text-embedding");
  }
  if (auto checked = pool::checkTexts(texts); !checked) {
    state_->refused({}, base::SystemClock().now(), checked.error());
    return std::unexpected(checked.error());
  }
  auto result =
      runAndWait(*state_, {pool::textTensor(texts)}, pool::embeddingParameters(), options);
  if (!result) return std::unexpected(result.error());
  return pool::embeddingsOf(*result, texts.size());
}

}  // namespace webpool
