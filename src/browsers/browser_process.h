// One running browser that shows one page, and its end: whatever happens, no process of it stays.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/random.h"
#include "browsers/browser_record.h"
#include "browsers/child_process.h"
#include "browsers/launch_options.h"
#include "browsers/launcher.h"
#include "browsers/memory.h"
#include "browsers/virtual_display.h"
#include "webpool/error.h"

namespace webpool::browsers {

/// Not thread-safe; movable. The launcher must outlive it. Destroying it stops the browser.
class BrowserProcess {
 public:
  static constexpr std::chrono::milliseconds kGrace{3000};

  /// Returns when the program runs, before it shows the page (some milliseconds; 0.1 s more for one
  /// that gets a display of its own). InvalidArgument for a browser of unknown name, or a window
  /// without a display; BrowserFailed with the cause when it or its display can't be started;
  /// Storage when its folder can't be written.
  static Result<BrowserProcess> launch(Launcher& launcher, const base::RandomSource& random,
                                       const LaunchOptions& options);

  BrowserProcess(BrowserProcess&& other) noexcept;
  BrowserProcess& operator=(BrowserProcess&& other) noexcept;
  ~BrowserProcess();

  pid_t pid() const noexcept { return child_.pid(); }

  /// Becomes readable when the main process ends; owned by this object (dup it for an event loop).
  int pidfd() const noexcept { return child_.pidfd(); }

  /// How the main process ended; nullopt while it runs. Never blocks.
  std::optional<ExitStatus> exitStatus() { return child_.exitStatus(); }

  /// BrowserFailed: how it ended (or that it still runs), with the last lines of its log.
  Error failure();

  /// The last lines of what the browser wrote, at most `bytes`, without those that say nothing.
  /// Where its log is; empty where that is removed with its folder.
  std::string logHint() const;

  std::string logTail(std::size_t bytes = 2000) const;

  /// By which its processes are known. Only while the main process is not reaped.
  BrowserIdentity identity() const;

  /// Of all its processes, its own display among them. Reads /proc; NotFound when it has ended.
  Result<MemoryUse> memory() const;

  /// Asks it to end; returns at once. Lets several browsers end at the same time before stop().
  void requestStop() noexcept;

  /// Ends it: SIGTERM, up to `grace` to go, then SIGKILL to the main process and to everything it
  /// started. Blocks until none of them is left (normally 0.1 s; bounded by grace + 5 s). Internal
  /// when a process could not be ended. Calling it again does nothing.
  Result<void> stop(std::chrono::milliseconds grace = kGrace);

  /// The value of WEBPOOL_BROWSER in the environment that the browser was started with.
  const std::string& marker() const noexcept { return record_.marker; }

 private:
  BrowserProcess(ChildProcess child, std::optional<VirtualDisplay> display, BrowserFolder folder,
                 BrowserRecord record);
  ChildProcess child_;
  std::optional<VirtualDisplay> display_;
  BrowserFolder folder_;
  BrowserRecord record_;
  bool stopped_ = false;
};

}  // namespace webpool::browsers
