// Finds and launches the browsers of a pool, in the profile slot that the pool holds.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "browsers/browser.h"
#include "browsers/browser_process.h"
#include "browsers/launcher.h"
#include "browsers/machine.h"
#include "browsers/profile_store.h"
#include "webpool/options.h"

namespace webpool::pool {

/// A browser that runs. Destroying it ends it, which blocks.
struct HostedBrowser {
  browsers::Browser browser;
  browsers::BrowserProcess process;
};

/// Thread-safe; every call may block. Must outlive the browsers it launched.
class BrowserHost {
 public:
  /// Sweeps what dead runs left and takes a slot. Storage when the cache folder can't be written.
  static Result<std::unique_ptr<BrowserHost>> open(const PoolOptions& options,
                                                   std::shared_ptr<spdlog::logger> log);

  /// The port that the slot's profiles know the page by; 0 for none.
  std::uint16_t rememberedPort();
  Result<void> rememberPort(std::uint16_t port);

  /// The names that the pool may launch, best first: those of its options, or else the one browser
  /// that a path was given for, or else the first that is installed, with "auto" before the first
  /// of each other family. BrowserNotFound for none.
  Result<std::vector<std::string>> names();

  /// Starts that browser at that address, in the profile folder of the `k`-th of its name.
  Result<HostedBrowser> launch(const std::string& name, unsigned k, const std::string& url);

 private:
  Result<HostedBrowser> start(const browsers::Browser& browser, unsigned k, const std::string& url);

  BrowserHost(const PoolOptions& options, std::shared_ptr<spdlog::logger> log,
              browsers::ProfileStore profiles, browsers::Slot slot);

  PoolOptions options_;
  std::shared_ptr<spdlog::logger> log_;
  browsers::Environment environment_;
  browsers::BrowserFinder finder_;
  browsers::ProfileStore profiles_;
  std::mutex mutex_;  ///< for what follows
  browsers::Slot slot_;
  std::string first_;               ///< the first that is installed, once it is known
  std::vector<std::string> found_;  ///< with the first of each other family, once they are
  bool noticed_ = false;            ///< a person was told that the sandbox is off
  browsers::Launcher launcher_;
};

}  // namespace webpool::pool
