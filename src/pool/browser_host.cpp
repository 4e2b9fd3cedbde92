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

std::string BrowserHost::wantedName() const {
  // A path that was given for just one browser says which one is meant.
  const bool one = options_.browser == "auto" && options_.browserPaths.size() == 1;
  return one ? options_.browserPaths.begin()->first : options_.browser;
}

Result<browsers::Browser> BrowserHost::browser() {
  if (!browser_) {
    auto found = finder_.find(wantedName());
    if (!found) return found;
    browser_ = std::move(*found);
  }
  return *browser_;
}

Result<browsers::Browser> BrowserHost::launch(const std::string& url) {
  stop();
  // Asking a browser for its version takes 0.1 s: the one that is meant, most likely, is already
  // starting meanwhile.
  const auto guessed = browser_ ? browser_ : finder_.guess(wantedName());
  if (guessed) {
    if (auto started = start(*guessed, url); !started) return std::unexpected(started.error());
  }
  auto found = browser();
  if (!found) {
    stop();
    return found;
  }
  if (!guessed || guessed->path != found->path) {
    stop();
    if (auto started = start(*found, url); !started) return std::unexpected(started.error());
  }
  log_->debug("browser started: {} {}, pid {}", found->name, found->version, process_->pid());
  return found;
}

Result<void> BrowserHost::start(const browsers::Browser& browser, const std::string& url) {
  auto folder = slot_.browserFolder(browser.name, 0);
  if (!folder) return std::unexpected(folder.error());
  const auto machine = browsers::inspectMachine(environment_, browser.path);
  if (!machine.sandbox && options_.notice && !std::exchange(noticed_, true)) {
    options_.notice(machine.notice);
  }
  auto process = browsers::BrowserProcess::launch(launcher_, base::systemRandom(),
                                                  {.browser = browser,
                                                   .folder = std::move(*folder),
                                                   .url = url,
                                                   .machine = machine,
                                                   .environment = environment_,
                                                   .headless = options_.headless,
                                                   .extraFlags = extraFlags(environment_)});
  if (!process) return std::unexpected(process.error());
  process_.emplace(std::move(*process));
  return {};
}

void BrowserHost::stop() {
  if (!process_) return;
  const auto stopped = process_->stop();
  if (!stopped) log_->error("{}", stopped.error().describe());
  process_.reset();
}

}  // namespace webpool::pool
