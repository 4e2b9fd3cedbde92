#include "pool/engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "api/ipfs_handler.h"
#include "api/page_handler.h"
#include "base/paths.h"
#include "browsers/blocked_ports.h"
#include "embedded/page_files.h"
#include "gguf/memory_estimate.h"
#include "net/http_client.h"
#include "onnx/memory_estimate.h"
#include "pool/backend_choice.h"
#include "pool/log.h"

namespace webpool::pool {
namespace {

constexpr std::chrono::seconds kShareEvery{1};  // between looks at the other pools of the machine
constexpr unsigned kWorkerThreads = 6;          // launching and ending browsers: they mostly wait

unsigned cores() {
  return std::max(1U, std::thread::hardware_concurrency());
}

onnx::MemoryEstimate estimateNeed(const ResolvedModel& model, Backend backend) {
  if (model.gguf) {
    const auto& description = model.description;
    const auto need = gguf::estimateMemory(
        *model.gguf, description.bytes, description.language ? description.language->context : 0);
    return {need.peakBytes, need.residentBytes};
  }
  auto coefficients = onnx::measuredCoefficients(backend);
  auto sum = onnx::estimateMemory(model.graph, model.graphBytes, coefficients);
  coefficients.fixedBytes = 0;  // they share a Worker
  for (const auto& [graph, bytes] : model.more) {
    const auto one = onnx::estimateMemory(graph, bytes, coefficients);
    sum.peakBytes += one.peakBytes;
    sum.residentBytes += one.residentBytes;
  }
  return sum;
}

sched::LifeOptions lifeOptions(const PoolOptions& options) {
  sched::LifeOptions life;
  // The session's own time limit comes first: it knows more to say.
  life.launchTimeout = options.launchTimeout + std::chrono::seconds(5);
  life.backOff.first = std::chrono::milliseconds(50);
  life.maxFailures = 8;
  return life;
}

/// The page's address: the token is in the fragment, which no server and no log sees.
std::string pageUrl(const net::Server& server, const std::string& token,
                    const PoolOptions& options) {
  const auto threads = options.wasmThreads;
  auto url = server.origin() + "/worker/#token=" + token;
  // The page starts a WASM Worker ahead, which serves if it has the right number of threads.
  if (threads > 0) url += fmt::format("&threads={}", threads);
  if (options.measureWebNn) url += "&measure=webnn";
  return url;
}

template <class Range, class Value>
bool contains(const Range& range, const Value& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

constexpr const char* kFound = "auto";

Result<void> checkBrowserNames(const std::vector<std::string>& names) {
  const auto known = browsers::BrowserFinder::knownNames();
  for (const auto& name : names) {
    if (!contains(known, name)) return std::unexpected(browsers::BrowserFinder::unknownName(name));
  }
  return {};
}

/// Where other pools of this user are found; where that folder can't be, those of these profiles.
Result<MachineShares> joinMachine(const std::filesystem::path& cacheFolder) {
  if (const auto common = base::pathsFromEnvironment().runtime; !common.empty()) {
    auto shares = MachineShares::join(common);
    if (shares) return shares;
  }
  return MachineShares::join(cacheFolder / "running");
}

}  // namespace

Result<std::shared_ptr<Engine>> Engine::open(PoolOptions options) {
  const auto paths = base::pathsFromEnvironment();
  if (options.dataFolder.empty()) options.dataFolder = paths.data;
  if (options.cacheFolder.empty()) options.cacheFolder = paths.cache;
  options.dataFolder = base::absoluteFolder(options.dataFolder);
  options.cacheFolder = base::absoluteFolder(options.cacheFolder);
  if (auto known = base::checkFolders({options.dataFolder, options.cacheFolder}); !known) {
    return std::unexpected(known.error());
  }
  auto log = makeLog(options.logLevel);
  // A name that is no browser is refused before anything is made.
  const bool found = options.browsers == std::vector<std::string>{kFound};
  if (auto named = found ? Result<void>{} : checkBrowserNames(options.browsers); !named) {
    return std::unexpected(named.error());
  }
  if (options.maxConnections > 0 && options.minConnections > options.maxConnections) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("at least {} browsers and at most {} cannot both be",
                            options.minConnections, options.maxConnections),
                "lower the least number (min_connections), or raise the most (max_connections)");
  }
  for (const auto port : {options.port, options.join ? options.join->port : std::uint16_t{0}}) {
    if (port == 0 || !browsers::isBlockedPort(port)) continue;
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("no browser opens port {}: it belongs to another protocol", port),
                "choose another port, for example 8080");
  }
  auto models = ModelSource::open(options.dataFolder);
  if (!models) return std::unexpected(models.error());
  auto host = BrowserHost::open(options, log);
  if (!host) return std::unexpected(host.error());
  std::shared_ptr<Engine> engine(
      new Engine(std::move(options), std::move(log), std::move(*models), std::move(*host)));
  if (auto used = engine->useContentSources(); !used) return std::unexpected(used.error());
  if (auto listening = engine->listen(); !listening) return std::unexpected(listening.error());
  if (const auto& join = engine->options_.join) {
    if (auto opened = engine->openDesk(*join); !opened) return std::unexpected(opened.error());
  }
  engine->thread_ = std::jthread([raw = engine.get()] { raw->loop_.run(); });
  return engine;
}

Engine::Engine(PoolOptions options, std::shared_ptr<spdlog::logger> log,
               std::unique_ptr<ModelSource> models, std::unique_ptr<BrowserHost> host)
    : options_(std::move(options)),
      log_(std::move(log)),
      http_(std::make_unique<net::HttpClient>()),
      models_(std::move(models)),
      refusals_(options_.cacheFolder / "refused.json"),
      runTimes_(options_.cacheFolder / "run-times.json"),
      page_(page_files::files()),
      memory_(options_.memoryBudget, options_.browserMemoryBudget, options_.notice,
              options_.worthKeeping),
      host_(std::move(host)),
      hub_(std::make_unique<PageHub>(loop_, base::systemRandom(), log_)),
      workers_(std::make_unique<net::WorkerThreads>(loop_, kWorkerThreads)),
      sharing_(loop_),
      connectionSite_{.loop = loop_,
                      .log = log_,
                      .life = lifeOptions(options_),
                      .memory = memory_,
                      .onStateChange = options_.onStateChange,
                      .observer = options_.observer,
                      .statsEvery = std::chrono::seconds(memory_.isOn() ? 1 : 5),
                      .sharing = sharing_},
      launchSite_(std::make_unique<LaunchSite>(LaunchSite{
          .common = connectionSite_,
          .workers = *workers_,
          .hub = *hub_,
          .host = *host_,
          .launchTimeout = options_.launchTimeout,
          .pageUrl =
              [this](const std::string& token) { return pageUrl(*server_, token, options_); },
          .pageCame = [this] { onPageCame(); }})),
      dispatcher_(cores()),
      coresForModel_(cores()) {
  auto shares = joinMachine(options_.cacheFolder);
  if (shares) {
    machine_.emplace(std::move(*shares), cores(), machineMemory());
    shareMachine();
  } else {
    log_->warn("other pools of this machine are not taken into account: {}",
               shares.error().describe());
  }
}

Engine::~Engine() {
  close();
  loop_.stop();
}

void Engine::shareMachine() {
  const auto before =
      std::exchange(part_, machine_->update(dispatcher_.takePeak(), memory_.taken()));
  dispatcher_.setCores(part_.cores);
  memory_.shareMachine(part_.memory);
  coresForModel_ = part_.coresOfEach;
  if (before.others != part_.others || before.cores != part_.cores) {
    log_->info("{} other pools: {} of {} cores for this one, {} bytes of memory",
               part_.others.size(), part_.cores, cores(), part_.memory);
  }
  if (before.others.empty() && !part_.others.empty() && options_.notice) {
    options_.notice(
        fmt::format("another webpool (process {}) runs on this machine: they share its "
                    "cores and its memory",
                    part_.others.front()));
  }
  shareTimer_ = loop_.callAfter(kShareEvery, [this] { shareMachine(); });
}

Result<void> Engine::listen() {
  const auto remembered = host_->rememberedPort();
  const auto wanted = options_.port != 0 ? options_.port : remembered;
  auto server = net::Server::listen(loop_, {.port = wanted});
  if (!server && options_.port == 0 && remembered != 0 &&
      server.error().category == ErrorCategory::PortInUse) {
    if (options_.notice) {
      options_.notice(fmt::format(
          "port {} of this profile is taken by another program; with a new port the browser "
          "loads its models again",
          remembered));
    }
    server = net::Server::listen(loop_, {});
  }
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  server_->routePrefix("GET", "/ipfs/", api::contentHandler(models_->content(), loop_));
  server_->routePrefix("GET", "/", api::pageHandler(page_, api::PageReaders::OnThisMachine));
  hub_->serve(*server_, "/worker/socket");
  log_->debug("listening at {}", server_->origin());
  return {};
}

std::string Engine::origin() const {
  return server_->origin();
}

Error Engine::closedError() const {
  return {ErrorCategory::Cancelled, "the pool is closed", "open a new one"};
}

/// A port is the profile's own once a page has come by it; one that was asked for is not.
void Engine::onPageCame() {
  if (options_.port != 0 || std::exchange(portKept_, true)) return;
  if (auto kept = host_->rememberPort(server_->port()); !kept) {
    log_->warn("{}", kept.error().describe());
  }
}

Result<std::vector<std::string>> Engine::browserNames() {
  if (!options_.launchBrowsers) return std::vector<std::string>{};
  return host_->names();
}

bool Engine::findsBrowsers() const {
  return options_.browsers == std::vector<std::string>{kFound};
}

void Engine::start() {
  const auto names = browserNames();
  if (!names || names->empty()) return;
  loop_.post([this, names = *names] {
    if (closed_) return;
    std::vector<ConnectionRef> begun;
    for (unsigned i = 0; i < options_.minConnections; ++i) {
      auto chosen = choose(names[i % names.size()], {.others = begun});
      if (!chosen) return;
      (*chosen)->whenReady([](const auto&) {});
      begun.push_back(*chosen);
    }
  });
}

/// Loop thread. The least busy one that may serve; a new one where there is none.
Result<Engine::BrowserRef> Engine::choose(const std::string& browser, const ConnectionWish& wish) {
  BrowserRef best;
  unsigned sameName = 0;
  const auto avoided = [&](const Connection& connection) {
    return contains(wish.avoid, connection.incarnation());
  };
  const auto rank = [&](const Connection& connection) {
    return std::tuple(avoided(connection), !connection.isUp(), connection.openRequests());
  };
  for (const auto& connection : browsers_) {
    if (connection->browserName() != browser) continue;
    ++sameName;
    if (contains(wish.others, ConnectionRef(connection))) continue;
    if (!best || rank(*connection) < rank(*best)) best = connection;
  }
  // One that did not start, or was given up, takes nobody's place.
  const auto running = static_cast<std::size_t>(std::ranges::count_if(
      browsers_, [](const auto& connection) { return !connection->hasEnded(); }));
  const bool mayLaunch = options_.maxConnections == 0 || running < options_.maxConnections;
  if (best && best->hasEnded() && !mayLaunch) best = nullptr;
  if (best && (best->hasEnded() || !avoided(*best))) return best;
  const bool room = options_.maxConnections > 0 ? mayLaunch
                                                : sameName < 1 + options_.warmSpares ||
                                                      browsers_.size() < options_.minConnections;
  if (room) {
    best = std::make_shared<BrowserConnection>(*launchSite_, nextConnection_++, browser, sameName);
    const std::lock_guard lock(connectionsMutex_);
    browsers_.push_back(best);
    return best;
  }
  if (best) return best;
  return fail(ErrorCategory::Busy,
              fmt::format("the pool has {} browsers, and may have no more", running),
              "raise its limit (max_connections)");
}

Engine::BrowserRef Engine::unusedBeside(const std::string& browser) const {
  const auto found = std::ranges::find_if(browsers_, [&](const BrowserRef& other) {
    return other->browserName() != browser && !other->hasEnded() && other->isUnused();
  });
  return found == browsers_.end() ? nullptr : *found;
}

void Engine::give(const Waiter& waiter, const std::string& browser, const ConnectionWish& wish,
                  bool mayReplace) {
  if (closed_) return waiter->set(std::unexpected(closedError()));
  auto chosen = choose(browser, wish);
  if (chosen) {
    (*chosen)->whenReady([waiter, connection = *chosen,
                          claim = (*chosen)->claim()](const Result<ConnectionFacts>& facts) {
      if (facts) {
        waiter->set(Connected{connection, claim});
      } else {
        waiter->set(std::unexpected(facts.error()));
      }
    });
    return;
  }
  // Where it is for a further copy of a model, a browser that is there serves it better.
  const bool full = chosen.error().category == ErrorCategory::Busy && wish.others.empty();
  const auto unused = full && mayReplace ? unusedBeside(browser) : nullptr;
  if (!unused) return waiter->set(std::unexpected(chosen.error()));
  log_->debug("{} holds no model and makes place for {}", unused->label(), browser);
  const auto again = [this, waiter, browser, wish] {
    loop_.post([this, waiter, browser, wish] { give(waiter, browser, wish, false); });
  };
  unused->retire();
  if (unused->hasEnded()) return again();
  unused->whenReady([again](const Result<ConnectionFacts>&) { again(); });
}

Result<Connected> Engine::connect(const ConnectionWish& wish, const std::stop_token& stop) {
  if (closed_) return std::unexpected(closedError());
  if (!options_.launchBrowsers) {
    return fail(ErrorCategory::Unsupported, "this pool launches no browsers",
                "let a device join by the pool's link");
  }
  auto browser = wish.browser;
  if (browser.empty()) {
    const auto names = host_->names();
    if (!names) return std::unexpected(names.error());
    browser = names->front();
  } else if (!options_.browsers.empty() && !findsBrowsers() &&
             !contains(options_.browsers, browser)) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the browser '{}' is not one of this pool's", browser),
                fmt::format("one of {}", fmt::join(options_.browsers, ", ")));
  } else if (auto known = checkBrowserNames({browser}); !known) {
    return std::unexpected(known.error());
  }
  auto waiter = std::make_shared<Pending<Connected>>();
  loop_.post([this, waiter, browser, wish] { give(waiter, browser, wish, true); });
  return waiter->wait(stop);
}

Result<ResolvedModel> Engine::resolve(std::string_view model, const ModelOptions& options) {
  if (closed_) return std::unexpected(closedError());
  auto resolved = models_->resolve(model, options);
  if (!resolved || resolved->componentChosen) return resolved;
  const auto& description = resolved->description;
  return fail(
      ErrorCategory::InvalidArgument,
      fmt::format("the model '{}' has several components and none was chosen", description.name),
      fmt::format("choose one of its components (--component): {}",
                  fmt::join(description.components, ", ")));
}

std::optional<Backend> Engine::likelyBackend(const ModelOptions& options) const {
  if (options.backend != Backend::Auto) return options.backend;
  const std::lock_guard lock(connectionsMutex_);
  for (const auto& browser : browsers_) {
    const bool meant = options.browser.empty() || options.browser == browser->browserName();
    if (!meant || browser->incarnation() == 0) continue;
    const auto chosen = chooseBackend(Backend::Auto, false, browser->facts().capabilities);
    if (chosen) return *chosen;
  }
  return std::nullopt;
}

bool Engine::hasRoomFor(const Loaded& worker) {
  const auto room = memory_.roomFor(worker, worker.connection->id(), loop_.now());
  return room && room->isThere();
}

Result<Bytes> Engine::readFile(const store::ModelFile& file) const {
  return models_->read(file);
}

std::shared_ptr<Loaded> Engine::newWorker(std::shared_ptr<const ResolvedModel> source,
                                          const ConnectionRef& connection, Backend backend,
                                          unsigned threads) {
  const auto& webgpu = connection->facts().capabilities.webgpu;
  const bool onGpu = backend == Backend::WebGpu;
  auto worker = std::make_shared<Loaded>();
  worker->id = nextWorker_++;
  worker->handle = fmt::format("m{}", worker->id);
  worker->source = std::move(source);
  worker->backend = backend;
  worker->threads = threads;
  // A software adapter spreads its work over all cores.
  worker->boundThreads = sched::threadsOf({.backend = backend,
                                           .hardware = onGpu && webgpu && !webgpu->software,
                                           .threads = onGpu ? cores() : threads});
  worker->connection = connection;
  worker->onThisMachine = connection->trust() == Trust::Launched;
  if (!worker->onThisMachine) worker->boundThreads = 0;
  worker->memory = estimateNeed(*worker->source, backend);
  return worker;
}

unsigned Engine::idleCores() const {
  const auto used = dispatcher_.threads().threadsInUse();
  const auto bound = dispatcher_.threads().bound();
  return used >= bound ? 0 : bound - static_cast<unsigned>(used);
}

void Engine::postAt(base::TimePoint when, std::function<void()> work) {
  loop_.post([this, when, work = std::move(work)]() mutable {
    if (timersOver_) return;
    const auto number = nextTimer_++;
    timers_[number] = loop_.callAt(when, [this, number, work = std::move(work)] {
      const auto own = timers_.extract(number);  // alive until this call is over
      work();
    });
  });
}

void Engine::retire(const ConnectionRef& connection, const std::shared_ptr<Loaded>& leaving) {
  loop_.post([this, connection, leaving] {
    if (closed_ || !connection->isUp() || connection->holdsOther(*leaving)) return;
    const auto up =
        std::ranges::count_if(browsers_, [](const BrowserRef& browser) { return browser->isUp(); });
    if (up <= static_cast<std::ptrdiff_t>(std::max(1U, options_.minConnections))) return;
    connection->retire();
  });
}

std::vector<ScalingEvent> Engine::scalingEvents() const {
  const std::lock_guard lock(scalingMutex_);
  return {scalingEvents_.begin(), scalingEvents_.end()};
}

void Engine::scaled(ScalingEvent event) {
  constexpr std::size_t kMost = 100;
  log_->info("{}: {} worker{}: {}", event.model, event.workers, event.workers == 1 ? "" : "s",
             event.reason);
  if (options_.onScaling) options_.onScaling(event);
  const std::lock_guard lock(scalingMutex_);
  scalingEvents_.push_back(std::move(event));
  if (scalingEvents_.size() > kMost) scalingEvents_.pop_front();
}

void Engine::count(std::weak_ptr<CallCounter> counter) {
  const std::lock_guard lock(countersMutex_);
  std::erase_if(counters_, [](const auto& other) { return other.expired(); });
  counters_.push_back(std::move(counter));
}

std::vector<ModelCalls> Engine::calls() const {
  std::vector<std::weak_ptr<CallCounter>> counters;
  {
    const std::lock_guard lock(countersMutex_);
    counters = counters_;
  }
  std::map<std::string, ModelCalls> byName;
  for (const auto& weak : counters) {
    const auto counter = weak.lock();
    if (!counter) continue;
    const auto one = counter->calls();
    auto& sum = byName[one.model];
    sum.waiting += one.waiting;
    sum.running += one.running;
    sum.hedged += one.hedged;
  }
  std::vector<ModelCalls> all;
  for (auto& [name, sum] : byName) all.push_back({name, sum.waiting, sum.running, sum.hedged});
  return all;
}

std::vector<ConnectionStats> Engine::connections() const {
  const std::lock_guard lock(connectionsMutex_);
  std::vector<ConnectionStats> all;
  for (const auto& browser : browsers_) all.push_back(browser->stats());
  for (const auto& device : devices_) all.push_back(device->stats());
  return all;
}

void Engine::close() {
  const std::lock_guard lock(closeMutex_);
  if (closed_.exchange(true) || !thread_.joinable()) return;
  closing_.request_stop();
  const auto onLoop = [this](auto work) {
    auto finished = std::make_shared<Pending<bool>>();
    loop_.post([finished, &work] {
      work();
      finished->set(true);
    });
    (void)finished->wait({});
  };
  onLoop([this] {
    for (const auto& browser : browsers_) browser->close(closedError());
  });
  closeDesk();
  background_.close();
  if (auto kept = runTimes_.save(); !kept) log_->warn("{}", kept.error().describe());
  // What a worker thread has begun (a launch, say) ends first; then the browsers go.
  onLoop([this] { workers_.reset(); });
  std::vector<HostedBrowser> left;
  onLoop([this, &left] {
    for (const auto& connection : browsers_) {
      if (auto browser = connection->takeBrowser()) left.push_back(std::move(*browser));
    }
  });
  for (auto& browser : left) browser.process.requestStop();
  for (auto& browser : left) {
    if (auto stopped = browser.process.stop(); !stopped) {
      log_->error("{}", stopped.error().describe());
    }
  }
  onLoop([this] {
    server_->stop();
    shareTimer_ = {};
    timersOver_ = true;
    timers_.clear();
    machine_.reset();
  });
  log_->debug("closed");
}

}  // namespace webpool::pool
