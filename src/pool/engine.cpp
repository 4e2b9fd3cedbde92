#include "pool/engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <utility>

#include "api/ipfs_handler.h"
#include "api/page_handler.h"
#include "base/paths.h"
#include "browsers/blocked_ports.h"
#include "embedded/page_files.h"
#include "pool/convert.h"

namespace webpool::pool {
namespace {

constexpr unsigned kWorkerThreads = 3;

std::shared_ptr<spdlog::logger> makeLog(const std::string& level) {
  // Not registered anywhere: a pool owns its log.
  auto log = std::make_shared<spdlog::logger>("webpool",
                                              std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log->set_pattern("%H:%M:%S.%e %l %v");
  log->set_level(spdlog::level::from_str(level));
  log->flush_on(spdlog::level::trace);
  return log;
}

double millisecondsSince(base::TimePoint began, base::TimePoint now) {
  return std::chrono::duration<double, std::milli>(now - began).count();
}

/// The page's address: the token is in the fragment, which no server and no log sees.
std::string pageUrl(const net::Server& server, const std::string& token, unsigned threads) {
  auto url = server.origin() + "/worker/#token=" + token;
  // The page starts a WASM Worker ahead, which serves if it has the right number of threads.
  if (threads > 0) url += fmt::format("&threads={}", threads);
  return url;
}

}  // namespace

Result<std::shared_ptr<Engine>> Engine::open(PoolOptions options) {
  const auto paths = base::pathsFromEnvironment();
  if (options.dataFolder.empty()) options.dataFolder = paths.data;
  if (options.cacheFolder.empty()) options.cacheFolder = paths.cache;
  auto log = makeLog(options.logLevel);
  // A name that is no browser is refused before anything is made.
  if (const auto known = browsers::BrowserFinder::knownNames();
      options.browser != "auto" && std::ranges::find(known, options.browser) == known.end()) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("webpool knows no browser '{}'", options.browser),
                fmt::format("one of auto, {}", fmt::join(known, ", ")));
  }
  if (options.port != 0 && browsers::isBlockedPort(options.port)) {
    return fail(
        ErrorCategory::InvalidArgument,
        fmt::format("no browser opens port {}: it belongs to another protocol", options.port),
        "choose another port, for example 8080");
  }
  auto models = ModelSource::open(options.dataFolder);
  if (!models) return std::unexpected(models.error());
  auto host = BrowserHost::open(options, log);
  if (!host) return std::unexpected(host.error());
  std::shared_ptr<Engine> engine(
      new Engine(std::move(options), std::move(log), std::move(*models), std::move(*host)));
  if (auto listening = engine->listen(); !listening) return std::unexpected(listening.error());
  engine->thread_ = std::jthread([raw = engine.get()] { raw->loop_.run(); });
  return engine;
}

Engine::Engine(PoolOptions options, std::shared_ptr<spdlog::logger> log,
               std::unique_ptr<ModelSource> models, std::unique_ptr<BrowserHost> host)
    : options_(std::move(options)),
      log_(std::move(log)),
      models_(std::move(models)),
      page_(page_files::files()),
      host_(std::move(host)),
      hub_(std::make_unique<PageHub>(loop_, base::systemRandom(), log_)),
      workers_(std::make_unique<net::WorkerThreads>(loop_, kWorkerThreads)) {}

Engine::~Engine() {
  close();
  loop_.stop();
}

Result<void> Engine::listen() {
  const auto remembered = host_->slot().port();
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
  server_->routePrefix("GET", "/ipfs/", api::contentHandler(models_->content()));
  server_->routePrefix("GET", "/", api::pageHandler(page_));
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

void Engine::start() {
  loop_.post([this] {
    if (!closed_ && browserState_ == BrowserState::None) beginLaunch();
  });
}

Result<BrowserCapabilities> Engine::connect(const std::stop_token& stop) {
  auto waiter = std::make_shared<Pending<BrowserCapabilities>>();
  loop_.post([this, waiter] {
    if (closed_) {
      waiter->set(std::unexpected(closedError()));
    } else if (browserState_ == BrowserState::Ready) {
      waiter->set(capabilities_);
    } else {
      connectWaiters_.push_back(waiter);
      if (browserState_ == BrowserState::None) beginLaunch();
    }
  });
  return waiter->wait(stop);
}

void Engine::beginLaunch() {
  browserState_ = BrowserState::Launching;
  launchBegan_ = loop_.now();
  browser_.reset();
  earlyReady_.reset();
  session::SessionOptions sessionOptions;
  sessionOptions.connectTimeout = options_.launchTimeout;
  const auto admission = hub_->expect(
      sessionOptions,
      {.ready = [this](const wire::Capabilities& capabilities) { onReady(capabilities); },
       .modelsLost = [this](const std::vector<std::string>& handles,
                            const Error&) { onModelsLost(handles); },
       .ended = [this](std::optional<Error> cause) { onPageEnded(std::move(cause)); }});
  session_ = admission.session;
  const auto taken = workers_->run(
      [this, url = pageUrl(*server_, admission.token, options_.wasmThreads)] {
        return host_->launch(url);
      },
      [this](const Result<browsers::Browser>& launched) { onLaunched(launched); });
  if (!taken) failLaunch(taken.error());
}

void Engine::onLaunched(const Result<browsers::Browser>& launched) {
  if (closed_) return;
  if (!launched) {
    failLaunch(launched.error());
    return;
  }
  browser_ = *launched;
  browserPid_ = host_->process()->pid();
  watch_ = std::make_unique<ProcessWatch>(loop_, host_->process()->pidfd(),
                                          [this] { onProcessEnded(); });
  if (earlyReady_) onReady(*earlyReady_);
}

void Engine::failLaunch(const Error& error) {
  for (const auto& waiter : std::exchange(connectWaiters_, {})) {
    waiter->set(std::unexpected(error));
  }
  hub_->abandon(session_, error);
}

void Engine::onReady(const wire::Capabilities& capabilities) {
  if (!browser_) {
    earlyReady_ = capabilities;
    return;
  }
  capabilities_ = toPublic(capabilities, browser_->name, browser_->version);
  browserState_ = BrowserState::Ready;
  residentIncarnation_ = ++incarnation_;
  // A port is the profile's own once a page has come by it; one that was asked for is not.
  if (options_.port == 0) {
    if (auto kept = host_->slot().rememberPort(server_->port()); !kept) {
      log_->warn("{}", kept.error().describe());
    }
  }
  lastLaunchMs_ = millisecondsSince(launchBegan_, loop_.now());
  log_->debug("browser connected after {:.0f} ms", lastLaunchMs_.load());
  for (const auto& waiter : std::exchange(connectWaiters_, {})) waiter->set(capabilities_);
}

void Engine::onModelsLost(const std::vector<std::string>& handles) {
  for (const auto& handle : handles) {
    if (const auto node = held_.extract(handle); !node.empty()) {
      if (const auto model = node.mapped().lock()) model->incarnation = 0;
    }
  }
}

void Engine::onProcessEnded() {
  log_->debug("the browser's process ended");
  auto error = host_->process() != nullptr ? host_->process()->failure()
                                           : Error{ErrorCategory::BrowserFailed, "it ended", ""};
  if (browserState_ == BrowserState::Ready) {
    error.category = ErrorCategory::WorkerLost;
    error.hint = "call again: the pool starts a new browser";
  } else {
    for (const auto& waiter : std::exchange(connectWaiters_, {})) {
      waiter->set(std::unexpected(error));
    }
  }
  hub_->abandon(session_, error);
}

/// The session is over, for whatever reason: the browser goes too, and the next call starts anew.
void Engine::onPageEnded(std::optional<Error> cause) {
  residentIncarnation_ = 0;
  browserPid_ = 0;
  held_.clear();
  watch_.reset();
  if (!connectWaiters_.empty()) {
    Error error = cause.value_or(closedError());
    if (cause && browserState_ == BrowserState::Launching && host_->process() != nullptr) {
      const auto tail = host_->process()->logTail();
      error = {ErrorCategory::BrowserFailed,
               fmt::format("the browser did not connect: {}{}{}", error.message,
                           tail.empty() ? "; it wrote nothing" : "; its last words: ", tail),
               fmt::format("try --visible to look at it; its whole log is {}",
                           host_->process()->logPath().native())};
    }
    for (const auto& waiter : std::exchange(connectWaiters_, {})) {
      waiter->set(std::unexpected(error));
    }
  }
  if (closed_) return;
  browserState_ = BrowserState::Stopping;
  const auto taken = workers_->run([this] { host_->stop(); },
                                   [this] {
                                     browserState_ = BrowserState::None;
                                     if (!connectWaiters_.empty()) beginLaunch();
                                   });
  if (!taken) log_->error("{}", taken.error().describe());
}

Result<ResolvedModel> Engine::resolve(std::string_view model, const ModelOptions& options) {
  if (closed_) return std::unexpected(closedError());
  return models_->resolve(model, options);
}

std::string Engine::newHandle() {
  return fmt::format("m{}", nextHandle_++);
}

bool Engine::isResident(const std::shared_ptr<Loaded>& model) const {
  const auto current = residentIncarnation_.load();
  return current != 0 && model->incarnation == current;
}

bool Engine::inBackground(std::function<void()> work) {
  joinBackground(false);
  auto entry = std::make_unique<Background>();
  auto* raw = entry.get();
  const std::lock_guard lock(backgroundMutex_);
  if (closed_) return false;
  background_.push_back(std::move(entry));
  raw->thread = std::jthread([raw, work = std::move(work)] {
    work();
    raw->finished = true;
  });
  return true;
}

void Engine::joinBackground(bool all) {
  std::vector<std::unique_ptr<Background>> ended;
  {
    const std::lock_guard lock(backgroundMutex_);
    std::erase_if(background_, [&](auto& entry) {
      if (!all && !entry->finished) return false;
      ended.push_back(std::move(entry));
      return true;
    });
  }
}

void Engine::close() {
  const std::lock_guard lock(closeMutex_);
  if (closed_.exchange(true) || !thread_.joinable()) return;
  auto finished = std::make_shared<Pending<bool>>();
  loop_.post([this, finished] {
    watch_.reset();
    hub_->close(session_, "the pool closes");
    for (const auto& waiter : std::exchange(connectWaiters_, {})) {
      waiter->set(std::unexpected(closedError()));
    }
    finished->set(true);
  });
  (void)finished->wait({});
  joinBackground(true);
  // What a worker thread has begun (a launch, say) ends first; then the browser goes.
  auto drained = std::make_shared<Pending<bool>>();
  loop_.post([this, drained] {
    workers_.reset();
    drained->set(true);
  });
  (void)drained->wait({});
  host_->stop();
  browserPid_ = 0;
  auto stopped = std::make_shared<Pending<bool>>();
  loop_.post([this, stopped] {
    server_->stop();
    stopped->set(true);
  });
  (void)stopped->wait({});
  log_->debug("closed");
}

}  // namespace webpool::pool
