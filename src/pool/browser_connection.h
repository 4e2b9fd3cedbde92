// A browser that the pool launches, ends and launches anew.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/worker_threads.h"
#include "pool/browser_host.h"
#include "pool/connection.h"
#include "pool/process_watch.h"

namespace webpool::pool {

/// What the browsers of a pool share beside ConnectionSite. All of it outlives them.
struct LaunchSite {
  ConnectionSite& common;
  net::WorkerThreads& workers;
  PageHub& hub;
  BrowserHost& host;
  base::Duration launchTimeout;  ///< from its start to its page being connected
  std::function<std::string(const std::string& token)> pageUrl;
  std::function<void()> pageCame;  ///< a page has come by that address
};

class BrowserConnection final : public Connection {
 public:
  /// `number`: which one of that name.
  BrowserConnection(LaunchSite& site, std::uint64_t id, const std::string& browser,
                    unsigned number);

  /// Launches the browser where none runs.
  void whenReady(OnReady done) override;
  void close(const Error& error) override;
  /// The browser, for its end; to be called after close().
  std::optional<HostedBrowser> takeBrowser();

 private:
  void launch() override;
  void waitForRelaunch() override;
  void stop() override;
  void ended(const std::optional<Error>& cause) override;
  void leavePage() override;

  void startBrowser();
  void onLaunched(Result<HostedBrowser> launched);
  void onPageReady(const wire::Capabilities& capabilities);
  void onPageEnded(std::optional<Error> cause);
  void onProcessEnded();
  void sampleMemory();
  void sampleMemoryLater();
  void onSampled(std::uint64_t bytes);
  void stopBrowser();
  void onStopped();
  void answerWaiters(const Result<ConnectionFacts>& result);
  void showPid(int pid);

  LaunchSite& launchSite_;
  unsigned number_;
  net::Timer sampling_;
  bool wasReady_ = false;     ///< the browser that was launched last did connect
  unsigned crashes_ = 0;      ///< in a row, each before its page was there
  bool launching_ = false;    ///< the host has not yet said what became of the launch
  bool stopping_ = false;     ///< a browser of before is being ended
  bool stopAsked_ = false;    ///< by the life, which waits for stopped()
  bool launchWaits_ = false;  ///< until that is done
  std::optional<HostedBrowser> browser_;
  std::optional<wire::Capabilities> early_;  ///< the page was there before the host said so
  base::TimePoint launchBegan_{};
  std::vector<OnReady> waiters_;
  std::unique_ptr<ProcessWatch> watch_;
};

}  // namespace webpool::pool
