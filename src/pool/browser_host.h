// Finds, launches and ends the browser of a pool; what blocks runs on a worker thread.
#pragma once

#include <spdlog/logger.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "browsers/browser.h"
#include "browsers/browser_process.h"
#include "browsers/launcher.h"
#include "browsers/machine.h"
#include "browsers/profile_store.h"
#include "webpool/options.h"

namespace webpool::pool {

/// Thread-safe in that one thread at a time may call it; the pool's engine sees to that.
class BrowserHost {
 public:
  /// Sweeps what dead runs left and takes a slot. Storage when the cache folder can't be written.
  static Result<std::unique_ptr<BrowserHost>> open(const PoolOptions& options,
                                                   std::shared_ptr<spdlog::logger> log);

  browsers::Slot& slot() { return slot_; }

  /// The browser that would be launched. Starts it once with --version the first time.
  Result<browsers::Browser> browser();

  /// Starts the browser at that address; ends one that is left from before.
  Result<browsers::Browser> launch(const std::string& url);

  /// Null where none was launched.
  browsers::BrowserProcess* process() { return process_ ? &*process_ : nullptr; }

  /// Ends the browser and waits until all of it is gone.
  void stop();

 private:
  Result<void> start(const browsers::Browser& browser, const std::string& url);
  std::string wantedName() const;

  BrowserHost(const PoolOptions& options, std::shared_ptr<spdlog::logger> log,
              browsers::ProfileStore profiles, browsers::Slot slot);

  PoolOptions options_;
  std::shared_ptr<spdlog::logger> log_;
  browsers::Environment environment_;
  browsers::BrowserFinder finder_;
  browsers::ProfileStore profiles_;
  browsers::Slot slot_;
  browsers::Launcher launcher_;
  std::optional<browsers::Browser> browser_;
  bool noticed_ = false;  ///< a person was told that the sandbox is off
  std::optional<browsers::BrowserProcess> process_;
};

}  // namespace webpool::pool
