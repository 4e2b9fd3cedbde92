// How a model gets its replicas: in browsers, in warm spares and on joined devices.
#include <algorithm>
#include <optional>
#include <utility>

#include "pool/backend_choice.h"
#include "pool/model_state.h"
#include "pool/observe.h"
#include "pool/task.h"

namespace webpool {
namespace {

constexpr unsigned kMostDeaths = 2;

/// Worth another browser: this one can't do it, which says nothing of the next.
bool mayMoveOn(const Error& error) {
  return error.category == ErrorCategory::Unsupported ||
         error.category == ErrorCategory::WrongResult ||
         error.category == ErrorCategory::WorkerLost ||
         error.category == ErrorCategory::DeviceLost ||
         error.category == ErrorCategory::BrowserNotFound ||
         error.category == ErrorCategory::BrowserFailed;
}

}  // namespace

/// Whether devices may have the model at all.
bool Model::State::mayJoin() const {
  return engine->invitation() && options.leastTrust == Trust::Joined;
}

PeerSharing Model::State::sharing() const {
  return options.peerSharing.value_or(engine->options().peerSharing);
}

std::shared_ptr<pool::Replica> Model::State::replicaOn(const pool::ConnectionRef& connection,
                                                       Backend backend, unsigned threads) {
  const std::lock_guard lock(mutex_);
  for (const auto& replica : replicas_) {
    const auto& worker = *replica->worker();
    if (worker.connection == connection && worker.backend == backend) return replica;
  }
  auto worker = engine->newWorker(source, connection, backend, threads);
  return replicas_.emplace_back(
      std::make_shared<pool::Replica>(engine, std::move(worker), options));
}

Model::State::Provided Model::State::provideInBrowser(const std::string& browser,
                                                      pool::ConnectionWish wish,
                                                      const ProgressCallback& progress,
                                                      const std::stop_token& stop) {
  wish.browser = browser;
  const auto began = base::SystemClock().now();
  const auto connected = engine->connect(wish, stop);
  if (!connected) {
    // A further copy that finds no place was not tried to be loaded.
    const bool tried = wish.others.empty() || connected.error().category != ErrorCategory::Busy;
    if (tried) tellFailedLoad(browser, began, connected.error());
    return std::unexpected(connected.error());
  }
  return provideOn(connected->connection, progress, stop);
}

Model::State::Provided Model::State::provideOn(const pool::ConnectionRef& connection,
                                               const ProgressCallback& progress,
                                               const std::stop_token& stop) {
  const auto best = pool::chooseBackend(options.backend, source->description.usesFp16,
                                        connection->facts().capabilities);
  if (!best) {
    tellFailedLoad(connection->browserName(), base::SystemClock().now(), best.error());
    return std::unexpected(best.error());
  }
  auto replica = provideOn(connection, fasterOf(*best, *connection), progress, stop);
  // Auto leaves the choice to the pool: WASM where the GPU can't, answers wrong or goes away.
  const bool another = !replica && options.backend == Backend::Auto && *best != Backend::Wasm &&
                       mayMoveOn(replica.error()) && connection->incarnation() != 0;
  if (!another) return replica;
  engine->log().debug("{} on {} of {}: {}; wasm is tried", source->description.name,
                      backendName(*best), connection->label(), replica.error().message);
  return provideOn(connection, Backend::Wasm, progress, stop);
}

/// Where Auto leaves the choice, WASM for a GPU that was measured to be slower.
Backend Model::State::fasterOf(Backend best, const pool::Connection& connection) const {
  constexpr double kClearly = 0.9;
  if (options.backend != Backend::Auto || best == Backend::Wasm) return best;
  const auto& times = engine->runTimes();
  const auto& browser = connection.browserName();
  const auto there = times.shortest(source->description, browser, best);
  const auto wasm = times.shortest(source->description, browser, Backend::Wasm);
  return there && wasm && *wasm < kClearly * *there ? Backend::Wasm : best;
}

Model::State::Provided Model::State::provideOn(const pool::ConnectionRef& connection,
                                               Backend backend, const ProgressCallback& progress,
                                               const std::stop_token& stop) {
  const auto capabilities = connection->facts().capabilities;
  const auto cores =
      connection->trust() == Trust::Joined ? capabilities.cores : engine->coresForModel();
  const auto threads = pool::chooseThreads(engine->options().wasmThreads, capabilities, cores);
  return load(connection, replicaOn(connection, backend, threads), progress, stop);
}

Model::State::Provided Model::State::load(const pool::ConnectionRef& connection,
                                          const std::shared_ptr<pool::Replica>& replica,
                                          const ProgressCallback& progress,
                                          const std::stop_token& stop) {
  const auto began = base::SystemClock().now();
  Result<bool> loaded = false;
  Result<void> right;
  if (auto obstacle = replica->obstacle()) {
    loaded = std::unexpected(std::move(*obstacle));
  } else {
    loaded = replica->ensureLoaded(progress, stop);
    // Devices are compared with a browser of this machine one after another: each comparison loads
    // the model there.
    std::unique_lock oneByOne(comparing_, std::defer_lock);
    const bool compared = connection->trust() == Trust::Joined && source->golden.empty();
    if (loaded && compared) oneByOne.lock();
    // What needs no inputs of a call.
    if (loaded) right = replica->ensureChecked({}, {}, stop);
  }
  Provided result = replica;
  if (!loaded) result = std::unexpected(loaded.error());
  if (!right) result = std::unexpected(right.error());
  auto* const observer = engine->observer();
  if (observer == nullptr || (result && !*loaded)) return result;
  RecordedLoad row = loaded && *loaded ? replica->latestLoad() : RecordedLoad{};
  if (row.number == 0) row.number = engine->nextLoad();
  row.startedAt = pool::wallTime(began);
  row.model = pool::recordedModel(source->description);
  row.ranOn = replica->ranOn();
  row.ranOn.connection = connection->label();
  if (row.ranOn.browser.empty()) {  // it was never there: where it was to go
    const auto known = connection->facts().capabilities;
    row.ranOn.browser = connection->browserName();
    row.ranOn.browserVersion = known.version;
    row.ranOn.trust = connection->trust();
    row.ranOn.backend = replica->worker()->backend;
    row.ranOn.wasmThreads = replica->worker()->threads;
  }
  row.timings.totalMs = pool::millisecondsSince(began);
  row.memory = connection->memory();
  if (!result) row.error = result.error();
  observer->loaded(std::move(row));
  return result;
}

void Model::State::tellFailedLoad(const std::string& browser, base::TimePoint began,
                                  const Error& error) const {
  auto* const observer = engine->observer();
  if (observer == nullptr) return;
  auto row =
      pool::failedLoad(engine->nextLoad(), pool::recordedModel(source->description), began, error);
  row.ranOn.browser = browser;
  observer->loaded(std::move(row));
}

Model::State::Provided Model::State::provideOnDevice(const std::vector<std::uint64_t>& avoid,
                                                     const ProgressCallback& progress,
                                                     const std::stop_token& stop) {
  Provided result = fail(ErrorCategory::NotFound, "no device has joined",
                         "open the pool's link in a browser of another machine");
  if (!mayJoin()) return result;
  for (const auto& device : engine->devices()) {
    if (std::ranges::find(avoid, device->incarnation()) != avoid.end()) continue;
    result = provideOn(device, progress, stop);
    if (result || !mayMoveOn(result.error())) break;
  }
  return result;
}

Model::State::Provided Model::State::provide(const std::vector<std::uint64_t>& avoid,
                                             const ProgressCallback& progress,
                                             const std::stop_token& stop,
                                             base::TimePoint deadline) {
  const std::lock_guard lock(providing_);
  if (auto ready = serving(avoid)) return ready;  // somebody else has brought it meanwhile
  std::vector<std::string> names{options.browser};
  if (options.browser.empty()) {
    auto known = engine->browserNames();
    if (!known) return std::unexpected(known.error());
    names = std::move(*known);
    // Of browsers that nobody named the first one is there already; to launch another would be
    // waiting for it.
    if (!engine->findsBrowsers()) sortBrowsers(names);
  }
  Provided result = fail(ErrorCategory::NotFound, "no browser was tried");
  std::optional<Error> first;
  for (const auto& name : names) {
    // A browser may die while it loads; a model that two die under is given up.
    for (unsigned death = 0; death < kMostDeaths; ++death) {
      result = provideInBrowser(name, {.avoid = avoid}, progress, stop);
      if (result || result.error().category != ErrorCategory::WorkerLost) break;
    }
    if (result || !mayMoveOn(result.error())) return result;
    if (!first) first = result.error();
  }
  // What became of browsers that nobody named says less of the model than the first one.
  if (first && engine->findsBrowsers()) result = std::unexpected(*first);
  if (!mayJoin() || !options.browser.empty()) return result;
  return provideOnComingDevice(avoid, progress, stop, deadline, std::move(result));
}

/// `otherwise`: what the browsers said, where the pool has any.
Model::State::Provided Model::State::provideOnComingDevice(const std::vector<std::uint64_t>& avoid,
                                                           const ProgressCallback& progress,
                                                           const std::stop_token& stop,
                                                           base::TimePoint deadline,
                                                           Provided otherwise) {
  const std::stop_callback wake(engine->closing(), [this] {
    const std::lock_guard lock(mutex_);
    deviceCame_.notify_all();
  });
  while (true) {
    std::unique_lock lock(mutex_);
    const auto seen = devicesSeen_;
    lock.unlock();
    auto onDevice = provideOnDevice(avoid, progress, stop);
    if (onDevice) return onDevice;
    if (engine->options().launchBrowsers) return otherwise;
    // A device that can't do it says nothing of the next one.
    const bool mayWait =
        onDevice.error().category == ErrorCategory::NotFound || mayMoveOn(onDevice.error());
    if (!mayWait) return onDevice;
    lock.lock();
    const bool woken = deviceCame_.wait_until(lock, stop, deadline, [&] {
      return devicesSeen_ != seen || engine->closing().stop_requested();
    });
    if (engine->closing().stop_requested()) return std::unexpected(engine->closedError());
    if (!woken) {
      if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "interrupted");
      return onDevice;
    }
  }
}

/// In the browser that the model serves in: what is right there is right in its like.
Model::State::Provided Model::State::provideSpare(bool others) {
  const std::lock_guard lock(providing_);
  pool::ConnectionWish wish;
  {
    const std::lock_guard inner(mutex_);
    for (const auto& replica : replicas_) {
      const auto& connection = replica->worker()->connection;
      if (replica->isServing() && connection->trust() == Trust::Launched) {
        wish.others.push_back(connection);
      }
    }
  }
  if (wish.others.empty()) return fail(ErrorCategory::NotFound, "the model serves nowhere");
  std::vector<std::string> names{wish.others.front()->browserName()};
  if (others && options.browser.empty()) {
    auto known = engine->browserNames();
    if (known) names = std::move(*known);
    sortBrowsers(names);
  }
  Provided result = fail(ErrorCategory::NotFound, "no browser was tried");
  for (const auto& name : names) {
    result = provideInBrowser(name, wish, {}, {});
    if (result || engine->closing().stop_requested()) break;
  }
  return result;
}

/// Those that were measured are put in order among themselves; the others keep their places.
void Model::State::sortBrowsers(std::vector<std::string>& names) const {
  std::vector<std::pair<double, std::string>> known;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto shortest =
        engine->runTimes().shortest(source->description, names[i], options.backend);
    if (!shortest) continue;
    known.emplace_back(*shortest, names[i]);
    places.push_back(i);
  }
  std::ranges::sort(known);
  for (std::size_t i = 0; i < places.size(); ++i) names[places[i]] = known[i].second;
}

/// Every device that joins gets the model, so that it computes as soon as there is work.
void Model::State::deviceCame(const pool::ConnectionRef& device) {
  {
    const std::lock_guard lock(mutex_);
    ++devicesSeen_;
  }
  deviceCame_.notify_all();
  {
    const std::lock_guard lock(mutex_);
    if (options.lazy && replicas_.empty()) return;  // nobody has needed it yet
  }
  engine->inBackground([weak = weak_from_this(), device] {
    const auto self = weak.lock();
    if (!self) return;
    // Where devices share what they fetch, those that come together load together, however many:
    // each leaf then crosses the uplink about once. Where they don't, each would only wait for the
    // others' copies, so the first one is served first.
    std::unique_lock alone(self->providing_, std::defer_lock);
    if (self->sharing() == PeerSharing::Off) alone.lock();
    self->tellOf(device, self->provideOn(device, {}, {}));
  });
}

void Model::State::tellOf(const pool::ConnectionRef& device, const Provided& there) const {
  const auto& name = source->description.name;
  if (!there) {
    engine->log().warn("{} is not served on {}: {}", name, device->label(),
                       there.error().describe());
  }
  const auto& tell = engine->options().onJoin;
  if (!tell) return;
  JoinEvent event{.kind = there ? JoinEvent::Kind::Serves : JoinEvent::Kind::Refused};
  event.device = {device->label(), "", device->facts().capabilities};
  event.model = name;
  if (there) event.ranOn = (*there)->ranOn();
  if (!there) event.why = there.error().describe();
  tell(event);
}

void Model::State::deviceLeft(const pool::ConnectionRef& device) {
  std::vector<std::shared_ptr<pool::Replica>> gone;
  const std::lock_guard lock(mutex_);
  std::erase_if(replicas_, [&](const auto& replica) {
    if (replica->worker()->connection != device) return false;
    gone.push_back(replica);
    return true;
  });
}

bool Model::State::lacksSpare() const {
  const auto wanted = 1 + engine->options().warmSpares;
  const std::lock_guard lock(mutex_);
  return wanted > 1 && std::ranges::count_if(replicas_, [](const auto& replica) {
                         return replica->isServing() &&
                                replica->worker()->connection->trust() == Trust::Launched;
                       }) < static_cast<std::ptrdiff_t>(wanted);
}

/// A device that is there and served the model, but lost it.
pool::ConnectionRef Model::State::deviceWithoutModel() const {
  const std::lock_guard lock(mutex_);
  for (const auto& replica : replicas_) {
    const auto& connection = replica->worker()->connection;
    if (connection->trust() == Trust::Joined && connection->accepting() &&
        connection->incarnation() != 0 && replica->hasServed() && !replica->isServing() &&
        !replica->obstacle()) {
      return connection;
    }
  }
  return nullptr;
}

void Model::State::provideSpares() {
  if (!lacksSpare() && !deviceWithoutModel()) return;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(sparesUnderWay_, true)) return;
  }
  const bool begun = engine->inBackground([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const auto& task = pool::taskOf(self->source->description.task);
    while (self->lacksSpare()) {
      const auto spare = self->provideSpare();
      if (!spare) {
        self->engine->log().debug("no spare: {}", spare.error().describe());
        break;
      }
      if (!(*spare)->isServing()) break;  // its gate needs calls
      (*spare)->warmUp(task.sample, self->source->parameters, {});
    }
    while (const auto device = self->deviceWithoutModel()) {
      const std::lock_guard lock(self->providing_);
      if (const auto there = self->provideOn(device, {}, {}); !there) {
        self->engine->log().debug("not again: {}", there.error().describe());
        break;
      } else if (!(*there)->isServing()) {
        break;  // its gate needs calls
      }
    }
    const std::lock_guard lock(self->mutex_);
    self->sparesUnderWay_ = false;
  });
  if (!begun) {
    const std::lock_guard lock(mutex_);
    sparesUnderWay_ = false;
  }
}

}  // namespace webpool
