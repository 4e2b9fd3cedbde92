#include "bridge/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "bridge/adapter.h"
#include "bridge/enhanced_web_model_state.h"
#include "bridge/preferences.h"
#include "browsers/browser.h"

namespace webpool::bridge {
namespace {

/// Another platform may do what this one can't.
bool isOfThePlatform(ErrorCategory category) {
  return category == ErrorCategory::Unsupported || category == ErrorCategory::WrongResult ||
         category == ErrorCategory::DeviceLost || category == ErrorCategory::OutOfMemory;
}

std::vector<std::string> installedBrowsers(const PoolOptions& options) {
  browsers::BrowserFinder finder(browsers::Environment::ofThisProcess());
  for (const auto& [name, path] : options.browserPaths) (void)finder.overridePath(name, path);
  std::vector<std::string> found;
  for (const auto& name : browsers::BrowserFinder::knownNames()) {
    if (finder.guess(name)) found.push_back(name);
  }
  return found;
}

std::string keyOf(const std::string& type, const std::string& name,
                  const HardwarePreferences& preferences) {
  std::string key = type + ':' + name;
  for (const auto& platform : preferences.priorityList) key += '|' + platform;
  return fmt::format("{}#{}#{}#{}", key, preferences.browser, preferences.precision,
                     preferences.mixedPrecision);
}

}  // namespace

std::optional<double> memoryMb(const std::vector<ConnectionStats>& connections,
                               const std::string& connection) {
  const auto found = std::ranges::find(connections, connection, &ConnectionStats::label);
  if (found == connections.end() || found->pss == 0) return std::nullopt;
  return double(found->pss) / 1e6;
}

Result<void> Pool::initialize() {
  const std::lock_guard lock(mutex_);
  if (pool_) return {};
  for (const auto& [type, browser] : options_.browserPreferences) {
    if (!isType(type)) {
      return fail(ErrorCategory::InvalidArgument, fmt::format("there is no model type '{}'", type),
                  "one of " + typeNames());
    }
    // A name that is none is an error; a browser that is not installed is not: it is a wish.
    if (auto known = browsersFor(browser, installed_);
        !known && known.error().category == ErrorCategory::InvalidArgument) {
      return std::unexpected(known.error());
    }
  }
  auto options = options_.pool;
  if (options.browsers.empty()) options.browsers = installedBrowsers(options);
  installed_ = options.browsers;
  options.maxConnections = options_.maxConnections;
  options.minConnections = std::min(options_.minConnections, options_.maxConnections);
  options.headless = options_.headless;
  options.ephemeral = options_.ephemeral;
  if (options_.maxMemoryMb > 0) options.memoryBudget = options_.maxMemoryMb * 1'000'000;
  options.onStateChange = [this, told = std::move(options.onStateChange)](
                              const std::string& connection, const StateChange& change) {
    connectionTime_.changed(connection, change);
    if (told) told(connection, change);
  };
  auto opened = ResourcePool::open(std::move(options));
  if (!opened) return std::unexpected(opened.error());
  pool_ = std::move(*opened);
  pool_->start();
  return {};
}

Result<ResourcePool*> Pool::opened() {
  const std::lock_guard lock(mutex_);
  if (pool_) return pool_.get();
  return fail(ErrorCategory::InvalidArgument, "the integration is not initialised, or closed",
              "call initialize() first");
}

Result<std::string> Pool::browserFor(const std::string& type,
                                     const HardwarePreferences& preferences) const {
  if (!preferences.browser.empty()) {
    auto names = browsersFor(preferences.browser, installed_);
    if (!names) return std::unexpected(names.error());
    return preferences.browser == "auto" ? "" : names->front();
  }
  const auto prior = options_.browserPreferences.find(type);
  if (prior == options_.browserPreferences.end()) return "";
  const auto names = browsersFor(prior->second, installed_);
  return names && prior->second != "auto" ? names->front() : "";
}

Result<std::vector<Backend>> Pool::allowedBackends(
    const std::vector<std::string>& priorityList) const {
  auto backends = backendsOf(priorityList);
  if (!backends || (options_.enableGpu && options_.enableCpu)) return backends;
  if (backends->front() == Backend::Auto) {
    backends = {Backend::WebGpu, Backend::WebNn, Backend::Wasm};
  }
  std::erase_if(*backends, [&](Backend backend) {
    return !(backend == Backend::Wasm ? options_.enableCpu : options_.enableGpu);
  });
  if (!backends->empty()) return backends;
  return fail(ErrorCategory::InvalidArgument,
              "none of the platforms asked for is enabled in this integration",
              "enable_gpu and enable_cpu say which are");
}

Result<ModelDescription> Pool::describe(ResourcePool& pool, const std::string& name,
                                        const HardwarePreferences& preferences,
                                        std::string task) const {
  const auto dtypes = dtypesFor(preferences.precision, preferences.mixedPrecision);
  if (!dtypes) return std::unexpected(dtypes.error());
  std::optional<Error> first;
  for (const auto& dtype : *dtypes) {
    auto described = pool.describe(name, {.task = task, .dtype = dtype});
    if (described) return described;
    if (described.error().category != ErrorCategory::NotFound || dtype.empty()) return described;
    if (!first) first = described.error();
  }
  return fail(ErrorCategory::NotFound,
              fmt::format("{} has no weights of {} bits{}", name, preferences.precision,
                          preferences.mixedPrecision ? ", mixed" : ""),
              first->hint);
}

Result<Model> Pool::load(ResourcePool& pool, const std::string& type, const std::string& name,
                         const HardwarePreferences& preferences, const std::stop_token& stop) {
  if (!isType(type)) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("there is no model type '{}'", type),
                "one of " + typeNames());
  }
  const auto backends = allowedBackends(preferences.priorityList);
  if (!backends) return std::unexpected(backends.error());
  auto description = describe(pool, name, preferences, {});
  if (!description) return std::unexpected(description.error());
  // A voice-activity model is a graph like any other until it is asked for speech.
  if (type == "audio" && description->task == "tensors") {
    if (auto asSpeech = describe(pool, name, preferences, "voice-activity-detection")) {
      description = std::move(asSpeech);
    }
  }
  if (taskFor(type, description->task).empty()) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} is a model for {}, which is no model of type {}", description->name,
                            description->task, type),
                fmt::format("ask for it as \"{}\"", typeOf(description->task)));
  }
  const auto browser = browserFor(type, preferences);
  if (!browser) return std::unexpected(browser.error());
  std::string why;
  std::optional<Error> last;
  for (const auto backend : *backends) {
    auto model = pool.load(name, {.task = description->task,
                                  .backend = backend,
                                  .browser = *browser,
                                  .dtype = description->dtype,
                                  .stop = stop});
    if (model || !isOfThePlatform(model.error().category)) return model;
    last = model.error();
    why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", platformName(backend),
                       model.error().message);
  }
  if (backends->size() == 1) return std::unexpected(*last);
  return fail(last->category, fmt::format("no platform that was asked for runs {}: {}", name, why),
              "add \"cpu\" to the list, or leave it out");
}

Result<std::shared_ptr<EnhancedWebModel>> Pool::getModel(const std::string& type,
                                                         const std::string& name,
                                                         const HardwarePreferences& preferences,
                                                         std::stop_token stop) {
  const std::lock_guard one(loading_);
  const auto pool = opened();
  if (!pool) return std::unexpected(pool.error());
  const auto key = keyOf(type, name, preferences);
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::ranges::find(models_, key, &Known::key);
    if (known != models_.end()) return known->model;
  }
  auto model = load(**pool, type, name, preferences, stop);
  if (!model) return std::unexpected(model.error());
  const auto timings = model->info().timings;
  auto adapter = makeAdapter(*model);
  if (!adapter) return std::unexpected(adapter.error());
  auto state = std::make_unique<EnhancedWebModel::State>(shared_from_this(), std::move(*model),
                                                         std::move(*adapter), preferences);
  state->cacheHit = timings.bytesNetwork == 0 && timings.bytesCache > 0;
  std::shared_ptr<EnhancedWebModel> made(new EnhancedWebModel(type, name, std::move(state)));
  const std::lock_guard lock(mutex_);
  models_.push_back({key, made});
  return made;
}

std::shared_ptr<EnhancedWebModel> Pool::modelById(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  // Of several with other preferences the latest.
  for (auto known = models_.rbegin(); known != models_.rend(); ++known) {
    if (known->model->modelId() == id) return known->model;
  }
  return nullptr;
}

std::vector<ConnectionStats> Pool::connections() const {
  const std::lock_guard lock(mutex_);
  return pool_ ? pool_->connections() : std::vector<ConnectionStats>{};
}

ExecutionStats Pool::stats() const {
  auto stats = record_.stats();
  stats.connections = connections();
  const auto totals = connectionTime_.totals(std::chrono::steady_clock::now());
  stats.connectionPeak = totals.peak;
  stats.connectionMs = totals.thereMs;
  stats.connectionBusyMs = totals.busyMs;
  const std::lock_guard lock(mutex_);
  stats.loadedModels = models_.size();
  return stats;
}

void Pool::close() {
  std::vector<Known> models;
  {
    const std::lock_guard lock(mutex_);
    models = std::exchange(models_, {});
    if (pool_) pool_->close();
  }
  // Handles of callers outlive it: their calls fail.
}

}  // namespace webpool::bridge
