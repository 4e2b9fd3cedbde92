// The public handles: ResourcePool and Model.
#include "webpool/pool.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <map>
#include <utility>

#include "base/provider.h"
#include "pool/local_pool.h"
#include "pool/pending.h"
#include "pool/texts.h"
#include "remote/remote_pool.h"

namespace webpool {

Result<std::unique_ptr<ResourcePool>> ResourcePool::open(PoolOptions options) {
  const auto url = remote::serverOf(options);
  auto provider =
      url.empty() ? pool::openLocalPool(std::move(options)) : remote::openRemotePool(url, options);
  if (!provider) return std::unexpected(provider.error());
  return std::unique_ptr<ResourcePool>(new ResourcePool(std::move(*provider)));
}

ResourcePool::ResourcePool(std::shared_ptr<Provider> provider) : provider_(std::move(provider)) {}

ResourcePool::~ResourcePool() {
  close();
}

void ResourcePool::start() {
  provider_->start();
}

Result<BrowserCapabilities> ResourcePool::capabilities(std::string_view browser) {
  return provider_->capabilities(browser);
}

Result<Model> ResourcePool::load(std::string_view model, const ModelOptions& options) {
  return provider_->load(model, options);
}

Result<ModelDescription> ResourcePool::describe(std::string_view model,
                                                const ModelOptions& options) {
  return provider_->describe(model, options);
}

Result<std::map<std::string, Bytes>> ResourcePool::files(std::string_view model,
                                                         const ModelOptions& options) {
  return provider_->files(model, options);
}

std::string ResourcePool::origin() const {
  return provider_->origin();
}

std::optional<Invitation> ResourcePool::invitation() const {
  return provider_->invitation();
}

std::vector<ConnectionStats> ResourcePool::connections() const {
  return provider_->connections();
}

std::vector<ScalingEvent> ResourcePool::scalingEvents() const {
  return provider_->scalingEvents();
}

std::vector<ModelCalls> ResourcePool::calls() const {
  return provider_->calls();
}

void ResourcePool::close() {
  provider_->close();
}

const ModelInfo& Model::info() const {
  return runner_->info();
}

Result<Bytes> Model::file(std::string_view path) const {
  return runner_->file(path);
}

Result<Model> Model::component(std::string_view name, std::string_view task) const {
  return runner_->component(name, task);
}

LoadTimings Model::loadTimings() const {
  return runner_->loadTimings();
}

std::uint64_t Model::bytesTogether(std::span<const Model> graphs) {
  std::map<std::string, std::uint64_t> sizes;
  std::uint64_t bytes = 0;
  for (const auto& graph : graphs) {
    const auto files = graph.runner_->fileSizes();
    if (files.empty()) bytes += graph.info().bytes;
    sizes.insert(files.begin(), files.end());
  }
  for (const auto& [path, size] : sizes) bytes += size;
  return bytes;
}

void Model::answeredWithoutRun(std::uint64_t items,
                               std::chrono::steady_clock::time_point began) const {
  runner_->answeredWithoutRun(items, began);
}

void Model::runAsync(std::vector<Tensor> inputs, const RunOptions& options,
                     std::function<void(Result<Inference>)> done) const {
  runner_->runAsync(std::move(inputs), options, std::move(done));
}

Result<Inference> Model::run(std::vector<Tensor> inputs, const RunOptions& options) const {
  auto pending = std::make_shared<pool::Pending<Inference>>();
  runAsync(std::move(inputs), options,
           [pending](Result<Inference> result) { pending->set(std::move(result)); });
  return pending->wait({});
}

Result<Embeddings> Model::embed(std::span<const std::string> texts,
                                const RunOptions& options) const {
  if (info().task != "text-embedding") {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the model '{}' was loaded for the task {}", info().name, info().task),
                "load it with the task text-embedding");
  }
  if (auto checked = pool::checkTexts(texts); !checked) {
    runner_->refused(checked.error());
    return std::unexpected(checked.error());
  }
  static const auto parameters = boost::json::serialize(pool::embeddingParameters());
  auto embedding = options;
  embedding.parameters = parameters;
  auto result = run({pool::textTensor(texts)}, embedding);
  if (!result) return std::unexpected(result.error());
  return pool::embeddingsOf(*result, texts.size());
}

}  // namespace webpool
