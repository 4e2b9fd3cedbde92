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
  return std::unique_ptr<BrowserHost>(
      new BrowserHost(options, std::move(log), std::move(profiles), std::move(*slot)));
}

BrowserHost::BrowserHost(const PoolOptions& options, std::shared_ptr<spdlog::logger> log,
                         browsers::ProfileStore profiles, browsers::Slot slot)
    : options_(options),
      log_(std::move(log)),
      environment_(browsers::Environment::ofThisProcess()),
      finder_(environment_),
      profiles_(std::move(profiles)),
      slot_(std::move(slot)) {
  for (const auto& [name, path] : options_.browserPaths) finder_.overridePath(name, path);
}

Result<browsers::Browser> BrowserHost::browser() {
  if (!browser_) {
    // A path that was given for just one browser says which one is meant.
    const auto& name = options_.browser == "auto" && options_.browserPaths.size() == 1
                           ? options_.browserPaths.begin()->first
                           : options_.browser;
    auto found = finder_.find(name);
    if (!found) return found;
    browser_ = std::move(*found);
  }
  return *browser_;
}

Result<browsers::Browser> BrowserHost::launch(const std::string& url) {
  stop();
  auto found = browser();
  if (!found) return std::unexpected(found.error());
  auto folder = slot_.browserFolder(found->name, 0);
  if (!folder) return std::unexpected(folder.error());
  const auto machine = browsers::inspectMachine(environment_, found->path);
  if (!machine.sandbox && options_.notice && !std::exchange(noticed_, true)) {
    options_.notice(machine.notice);
  }
  auto process = browsers::BrowserProcess::launch(launcher_, base::systemRandom(),
                                                  {.browser = *found,
                                                   .folder = std::move(*folder),
                                                   .url = url,
                                                   .machine = machine,
                                                   .environment = environment_,
                                                   .headless = options_.headless,
                                                   .extraFlags = extraFlags(environment_)});
  if (!process) return std::unexpected(process.error());
  process_.emplace(std::move(*process));
  log_->debug("browser started: {} {}, pid {}", found->name, found->version, process_->pid());
  return *found;
}

void BrowserHost::stop() {
  if (!process_) return;
  const auto stopped = process_->stop();
  if (!stopped) log_->error("{}", stopped.error().describe());
  process_.reset();
}

}  // namespace webpool::pool
