#include "pool/browser_host.h"

#include <sstream>
#include <utility>

#include "base/random.h"

namespace webpool::pool {
namespace {

/// Further flags of a person's choice, separated by spaces.
std::vector<std::string> extraFlags(const browsers::Environment& environment) {
  std::istringstream words(environment.variable("WEBPOOL_BROWSER_FLAGS"));
  std::vector<std::string> flags;
  for (std::string word; words >> word;) flags.push_back(word);
  return flags;
}

}  // namespace

Result<std::unique_ptr<BrowserHost>> BrowserHost::open(const PoolOptions& options,
                                                       std::shared_ptr<spdlog::logger> log) {
  browsers::ProfileStore profiles(options.cacheFolder, base::systemRandom());
  const auto swept = profiles.sweep();
  if (swept.processesEnded > 0 || swept.foldersRemoved > 0) {
    log->info("swept what a dead run left: {} processes, {} folders", swept.processesEnded,
              swept.foldersRemoved);
  }
  for (const auto& problem : swept.problems) log->warn("sweep: {}", problem);
  auto slot = profiles.acquire({.ephemeral = options.ephemeral});
  if (!slot) return std::unexpected(slot.error());
  std::unique_ptr<BrowserHost> host(
      new BrowserHost(options, std::move(log), std::move(profiles), std::move(*slot)));
  for (const auto& [name, path] : options.browserPaths) {
    if (auto given = host->finder_.overridePath(name, path); !given) {
      return std::unexpected(given.error());
    }
  }
  return host;
}

BrowserHost::BrowserHost(const PoolOptions& options, std::shared_ptr<spdlog::logger> log,
                         browsers::ProfileStore profiles, browsers::Slot slot)
    : options_(options),
      log_(std::move(log)),
      environment_(browsers::Environment::ofThisProcess()),
      finder_(environment_, options_.cacheFolder / "browser-versions"),
      profiles_(std::move(profiles)),
      slot_(std::move(slot)) {}

std::uint16_t BrowserHost::rememberedPort() {
  const std::lock_guard lock(mutex_);
  return slot_.port();
}

Result<void> BrowserHost::rememberPort(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  return slot_.rememberPort(port);
}

Result<std::vector<std::string>> BrowserHost::names() {
  const bool all = options_.browsers == std::vector<std::string>{"auto"};
  if (!options_.browsers.empty() && !all) return options_.browsers;
  // A path that was given for just one browser says which one is meant.
  if (options_.browserPaths.size() == 1) {
    return std::vector<std::string>{options_.browserPaths.begin()->first};
  }
  const std::lock_guard lock(mutex_);
  if (first_.empty()) {
    if (const auto guessed = finder_.guess("auto")) {
      first_ = guessed->name;
    } else {
      auto found = finder_.find("auto");
      if (!found) return std::unexpected(found.error());
      first_ = found->name;
    }
  }
  if (!all) return std::vector<std::string>{first_};
  if (found_.empty()) {
    found_ = finder_.families();
    // The one that is there comes first, whatever was given for another.
    std::erase(found_, first_);
    found_.insert(found_.begin(), first_);
  }
  return found_;
}

Result<HostedBrowser> BrowserHost::launch(const std::string& name, unsigned k,
                                          const std::string& url) {
  // Asking a browser for its version takes 0.1 s: the one that is meant, most likely, is already
  // starting meanwhile.
  const auto guessed = finder_.guess(name);
  Result<HostedBrowser> started = fail(ErrorCategory::Internal, "not started");
  if (guessed) {
    started = start(*guessed, k, url);
    if (!started) return started;
  }
  auto found = finder_.find(name);
  if (!found) return std::unexpected(found.error());
  if (!guessed || guessed->path != found->path) {
    // The guessed one ends before another takes its folder.
    started = fail(ErrorCategory::Internal, "not started");
    started = start(*found, k, url);
    if (!started) return started;
  }
  started->browser = std::move(*found);
  log_->debug("browser started: {} {}, pid {}", started->browser.name, started->browser.version,
              started->process.pid());
  return started;
}

Result<HostedBrowser> BrowserHost::start(const browsers::Browser& browser, unsigned k,
                                         const std::string& url) {
  const auto machine = browsers::inspectMachineFor(environment_, browser);
  std::unique_lock lock(mutex_);
  auto folder = slot_.browserFolder(browser.name, k);
  if (!folder) return std::unexpected(folder.error());
  const bool notice = !machine.sandbox && options_.notice && !std::exchange(noticed_, true);
  lock.unlock();
  if (notice) options_.notice(machine.notice);
  auto process = browsers::BrowserProcess::launch(launcher_, base::systemRandom(),
                                                  {.browser = browser,
                                                   .folder = std::move(*folder),
                                                   .url = url,
                                                   .machine = machine,
                                                   .environment = environment_,
                                                   .headless = options_.headless,
                                                   .extraFlags = extraFlags(environment_)});
  if (!process) return std::unexpected(process.error());
  return HostedBrowser{browser, std::move(*process)};
}

}  // namespace webpool::pool
