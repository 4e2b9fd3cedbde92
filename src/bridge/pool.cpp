#include "bridge/pool.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <utility>

#include "bridge/adapter.h"
#include "bridge/enhanced_web_model_state.h"
#include "bridge/preferences.h"
#include "browsers/browser.h"
#include "pool/log.h"
#include "remote/remote_pool.h"

namespace webpool::bridge {
namespace {

std::vector<std::string> installedBrowsers(const PoolOptions& options) {
  browsers::BrowserFinder finder(browsers::Environment::ofThisProcess());
  for (const auto& [name, path] : options.browserPaths) (void)finder.overridePath(name, path);
  std::vector<std::string> found;
  for (const auto& name : browsers::BrowserFinder::knownNames()) {
    if (finder.guess(name)) found.push_back(name);
  }
  return found;
}

/// Of a server: those that it has launched, or tried to.
std::vector<std::string> launchedBrowsers(const ResourcePool& pool) {
  std::vector<std::string> found;
  for (const auto& connection : pool.connections()) {
    if (std::ranges::find(found, connection.browser) == found.end()) {
      found.push_back(connection.browser);
    }
  }
  return found;
}

/// Empty where nobody wants a record.
std::filesystem::path recordFileOf(const BridgeOptions& options) {
  const char* fallback = std::getenv("BENCHMARK_DB_PATH");
  if (options.dbPath.empty() && fallback != nullptr) return fallback;
  return options.dbPath;
}

std::shared_ptr<Record> openRecordAt(const std::filesystem::path& file,
                                     const PoolOptions& options) {
  if (file.empty()) return nullptr;
  RecordOptions record;
  record.file = file;
  record.notice = options.notice;
  if (!record.notice) {
    record.notice = [log = pool::makeLog(options.logLevel)](const std::string& text) {
      log->warn("{}", text);
    };
  }
  return openRecord(std::move(record));
}

std::string keyOf(const std::string& type, const std::string& name,
                  const HardwarePreferences& preferences) {
  std::string key = type + ':' + name;
  for (const auto& platform : preferences.priorityList) key += '|' + platform;
  const auto& p2p = preferences.p2pOptimization;
  return fmt::format("{}#{}#{}#{}#{}#{}#{}{}{}", key, preferences.browser, preferences.precision,
                     preferences.mixedPrecision, preferences.contextLength,
                     p2p ? (*p2p ? "on" : "off") : "", preferences.computeShaders,
                     preferences.precompileShaders, preferences.parallelLoading);
}

/// What a pool would take in silence.
Result<void> checkOptions(const BridgeOptions& options, bool remote) {
  constexpr std::array kLevels{"trace", "debug", "info", "warn", "error", "off"};
  if (std::ranges::find(kLevels, options.pool.logLevel) == kLevels.end()) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("there is no log level '{}'", options.pool.logLevel),
                fmt::format("one of {}", fmt::join(kLevels, ", ")));
  }
  // A server has its own.
  if (options.maxConnections == 0 && !remote) {
    return fail(ErrorCategory::InvalidArgument, "with 0 connections (max_connections) nothing runs",
                "1 or more: browsers at most");
  }
  return {};
}

}  // namespace

std::optional<double> memoryMb(const std::vector<ConnectionStats>& connections,
                               const std::string& connection) {
  const auto found = std::ranges::find(connections, connection, &ConnectionStats::label);
  if (found == connections.end() || found->pss == 0) return std::nullopt;
  return double(found->pss) / 1e6;
}

Result<void> Pool::initialize() {
  const auto isOpen = [&] { return pool_ && !closed_; };
  {
    const std::lock_guard lock(mutex_);
    if (isOpen()) return {};
  }
  const std::lock_guard one(loading_);  // a load that goes on has the pool that was closed
  const std::lock_guard lock(mutex_);
  if (isOpen()) return {};
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
  const char* const asked = std::getenv("TEST_BROWSER");
  testBrowser_ = asked == nullptr ? "" : asked;
  if (auto known = browsersFor(testBrowser_, installed_);
      !known && known.error().category == ErrorCategory::InvalidArgument) {
    return fail(ErrorCategory::InvalidArgument, "TEST_BROWSER: " + known.error().message,
                known.error().hint);
  }
  auto options = options_.pool;
  if (!options_.url.empty()) options.url = options_.url;
  if (!options_.token.empty()) options.token = options_.token;
  const bool remote = !remote::serverOf(options).empty();
  if (auto right = checkOptions(options_, remote); !right) return right;
  const bool anyBrowser =
      options.browsers.empty() || options.browsers == std::vector<std::string>{"auto"};
  if (anyBrowser && !remote) options.browsers = installedBrowsers(options);
  installed_ = options.browsers;
  options.maxConnections = options_.maxConnections;
  // More at least than at most is told by the pool itself.
  options.minConnections = options_.maxConnections > 0 ? options_.minConnections : 0;
  options.headless = options_.headless;
  options.ephemeral = options_.ephemeral;
  if (options_.p2pOptimization) {
    options.peerSharing = *options_.p2pOptimization ? PeerSharing::On : PeerSharing::Off;
  }
  if (options_.maxMemoryMb > 0) options.memoryBudget = options_.maxMemoryMb * 1'000'000;
  const auto path = recordFileOf(options_);
  auto file = options.observer || remote ? nullptr : openRecordAt(path, options_.pool);
  if (file) options.observer = file;
  options.onStateChange = [this, told = std::move(options.onStateChange)](
                              const std::string& connection, const StateChange& change) {
    connectionTime_.changed(connection, change);
    if (told) told(connection, change);
  };
  options.worthKeeping = [this, own = std::move(options.worthKeeping)](const KeptModel& model) {
    if (const auto said = policy()) return said->worthKeeping(model);
    return own ? own(model) : model.worth;
  };
  auto opened = ResourcePool::open(std::move(options));
  if (!opened) return std::unexpected(opened.error());
  pool_ = std::move(*opened);  // the one before, if any, was closed
  file_ = std::move(file);
  filePath_ = path;
  remote_ = remote;
  closed_ = false;
  if (remote && installed_.empty()) {
    installed_ = launchedBrowsers(*pool_);
    // A server that has just begun may be launching its first one, which this waits for.
    if (installed_.empty() && pool_->capabilities()) installed_ = launchedBrowsers(*pool_);
  }
  pool_->start();
  return {};
}

Result<ResourcePool*> Pool::opened() {
  const std::lock_guard lock(mutex_);
  if (pool_ && !closed_) return pool_.get();
  return fail(ErrorCategory::InvalidArgument, "the integration is not initialised, or closed",
              "call initialize() first, which also opens a closed one again");
}

Result<std::shared_ptr<EnhancedWebModel>> Pool::getModel(const std::string& type,
                                                         const std::string& name,
                                                         const HardwarePreferences& preferences,
                                                         std::stop_token stop) {
  const std::lock_guard one(loading_);
  const auto pool = opened();
  if (!pool) return std::unexpected(pool.error());
  Known wanted{.key = keyOf(type, name, preferences),
               .model = nullptr,
               .integration = locked(integration_),
               .policy = policy()};
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::ranges::find_if(models_, [&](const Known& its) {
      return its.key == wanted.key && its.integration == wanted.integration &&
             its.policy == wanted.policy;
    });
    if (known != models_.end()) return known->model;
  }
  auto placed = load(**pool, type, name, preferences, stop);
  if (!placed) return std::unexpected(placed.error());
  const auto timings = placed->info.timings;
  auto state = std::make_unique<EnhancedWebModel::State>(shared_from_this(), std::move(*placed),
                                                         preferences);
  state->load = timings;
  std::shared_ptr<EnhancedWebModel> made(new EnhancedWebModel(type, name, std::move(state)));
  std::vector<Known> left;  // ends after the lock: objects of a program's own may go with it
  const std::lock_guard lock(mutex_);
  if (closed_)
    return fail(ErrorCategory::Cancelled, "the integration was closed meanwhile",
                "initialize() opens it again");
  // Placed when others were asked, and held by nobody: they would add up.
  for (auto at = models_.begin(); at != models_.end();) {
    const bool isLeft = at->key == wanted.key && at->model.use_count() == 1;
    if (isLeft) left.push_back(std::move(*at));
    at = isLeft ? models_.erase(at) : at + 1;
  }
  wanted.model = made;
  models_.push_back(std::move(wanted));
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
  if (!pool_) return {};
  auto all = pool_->connections();
  if (remote_) connectionTime_.seen(all);
  return all;
}

std::optional<RecordStats> Pool::recordStats() const {
  const auto file = locked(file_);
  if (!file) return std::nullopt;
  RecordStats stats;
  stats.trouble = file->trouble();
  stats.counts = file->counts();
  stats.file = locked(filePath_);
  return stats;
}

ExecutionStats Pool::stats() const {
  auto stats = record_.stats();
  stats.record = recordStats();
  stats.connections = connections();
  const auto totals = connectionTime_.totals(std::chrono::steady_clock::now());
  stats.connectionPeak = totals.peak;
  stats.connectionMs = totals.thereMs;
  stats.connectionBusyMs = totals.busyMs;
  const std::lock_guard lock(mutex_);
  std::set<std::string> ids;
  for (const auto& known : models_) ids.insert(known.model->modelId());
  stats.loadedModels = ids.size();
  if (pool_) stats.scaling = pool_->scalingEvents();
  return stats;
}

Result<void> Pool::registerBackend(const std::string& name, HardwareBackend backend) {
  if (!backend.detect || !backend.initialize) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the backend '{}' lacks its functions", name),
                "it needs one that detects and one that initialises");
  }
  if (name.empty() || name == "mixed" || name == "wasm" ||
      backendsOf(std::vector<std::string>{name})) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("'{}' is no name for a backend of your own", name),
                "choose another than webgpu, webnn, cpu, wasm, auto and mixed");
  }
  const std::lock_guard lock(mutex_);
  if (!backends_.try_emplace(name, std::move(backend)).second) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("there is a backend '{}' already", name),
                "choose another name: a backend stays for as long as its integration");
  }
  return {};
}

std::optional<std::string> Pool::nextStepAfterEnd(const EnhancedWebModel& model) const {
  const std::lock_guard lock(mutex_);
  const auto isIt = [&](const Known& known) { return known.model.get() == &model; };
  if (std::ranges::any_of(models_, isIt)) return std::nullopt;
  constexpr auto kAsk = "ask the integration for the model again (get_model)";
  return closed_ ? fmt::format("initialize() the integration again, then {}", kAsk) : kAsk;
}

void Pool::setBrowserIntegration(std::shared_ptr<BrowserIntegration> integration) {
  const std::lock_guard lock(mutex_);
  integration_.swap(integration);
}

void Pool::setMemoryPolicy(std::shared_ptr<MemoryPolicy> policy) {
  const std::lock_guard lock(policyMutex_);
  policy_.swap(policy);
}

void Pool::close() {
  std::vector<Known> models;
  {
    const std::lock_guard lock(mutex_);
    models = std::exchange(models_, {});
    closed_ = true;
    if (pool_) pool_->close();
    if (file_) file_->close();  // what the pool told of its end is in it
  }
  // Handles of callers outlive it: their calls fail.
}

}  // namespace webpool::bridge
