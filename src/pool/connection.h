// One browser of the pool and its page. What its life asks for (sched/connection_life.h) is done
// here: launching, ending, launching anew; and each request that is sent gets exactly one answer,
// whatever becomes of the browser.
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "net/worker_threads.h"
#include "pool/browser_host.h"
#include "pool/loaded.h"
#include "pool/memory_keeper.h"
#include "pool/page_hub.h"
#include "pool/process_watch.h"
#include "sched/connection_life.h"
#include "webpool/pool.h"
#include "webpool/stats.h"

namespace webpool::pool {

/// What the connections of a pool share. All of it outlives them.
struct ConnectionSite {
  net::EventLoop& loop;
  net::WorkerThreads& workers;
  PageHub& hub;
  BrowserHost& host;
  std::shared_ptr<spdlog::logger> log;
  sched::LifeOptions life;
  MemoryKeeper& memory;
  base::Duration memoryEvery;    ///< between two samples of a browser's memory
  base::Duration launchTimeout;  ///< from its start to its page being connected
  std::function<std::string(const std::string& token)> pageUrl;
  std::function<void()> pageCame;  ///< a page has come by that address
};

/// What is known of a connection's present browser.
struct ConnectionFacts {
  BrowserCapabilities capabilities;
  double launchMs = 0;
};

/// On the loop thread, except where it says otherwise.
class Connection {
 public:
  using OnReady = std::move_only_function<void(Result<ConnectionFacts>)>;
  /// `died`: the connection ended under the request, which may be why.
  using Answered = std::move_only_function<void(Result<session::Answer>, bool died)>;

  /// `id`: of no other connection of the pool. `browser`: its name. `number`: which one of that
  /// name.
  Connection(ConnectionSite& site, std::uint64_t id, std::string browser, unsigned number);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  std::uint64_t id() const { return id_; }                  ///< any thread
  const std::string& browserName() const { return name_; }  ///< any thread
  const std::string& label() const { return label_; }       ///< "chromium-0"; any thread

  /// Its page is there and may be sent requests.
  bool isUp() const { return life_ && life_->acceptsLoads(); }
  /// Launches the browser where none runs. `done` is called once.
  void whenReady(OnReady done);

  /// A number for cancel(). `answered` is called once, unless an error is returned here.
  Result<sched::JobId> submit(session::WorkerSession::Request request,
                              std::optional<base::TimePoint> deadline, Answered answered,
                              PageHub::OnProgress progress = {});
  void cancel(sched::JobId job);

  /// The page holds the model from now on.
  void hold(const std::shared_ptr<Loaded>& model, std::uint64_t incarnation);
  void drop(const Loaded& model);
  /// Ends the model's Worker; `done` is called once, when its memory is free.
  void unload(Loaded& model, std::move_only_function<void()> done);
  /// A model's answers in this page were found right, or wrong.
  void gatePassed();
  void gateFailed(const Error& error);
  std::size_t openRequests() const { return jobs_.size(); }

  /// Ends the browser once what is open is done, and launches it anew.
  void recycle(const std::string& why);

  /// Numbers the pages that came, over all connections of this process; 0 while none is there that
  /// may be sent work. Any thread.
  std::uint64_t incarnation() const { return incarnation_; }
  /// Process id of the browser's main process; 0 where none runs. Any thread.
  int pid() const { return pid_; }
  /// Of the page that is there, or was last. Any thread.
  ConnectionFacts facts() const;
  ConnectionStats stats() const;  ///< any thread

  /// Closes the page; what is open and who waits gets `error`. Nothing is launched any more.
  void close(const Error& error);
  /// The browser, for its end; to be called after close().
  std::optional<HostedBrowser> takeBrowser();

 private:
  struct Job {
    Answered answered;
    session::RequestId request = 0;
    bool cancelled = false;
    bool isLoad = false;
  };

  template <class Event>
  void tell(Event event);  ///< to the life; then does what it asks for
  void perform(sched::LifeAction action);
  void arm();

  void launch();
  void onLaunched(Result<HostedBrowser> launched);
  void onPageReady(const wire::Capabilities& capabilities);
  void onModelsLost(const std::vector<std::string>& handles);
  void onPageEnded(std::optional<Error> cause);
  void onProcessEnded();
  void checkHealth();
  void sampleMemory();
  void sampleMemoryLater();
  void onSampled(std::uint64_t bytes);
  /// What the models that are loaded account for, by their estimates.
  std::uint64_t modelBytes() const;
  std::optional<Job> takeJob(sched::JobId job);
  void leavePage();
  void stopBrowser();
  void onStopped();
  void answer(sched::JobId job, Result<session::Answer> answer);
  void giveBack(const sched::GiveBackJobs& jobs);
  void answerWaiters(const Result<ConnectionFacts>& result);
  void publish();

  ConnectionSite& site_;
  std::uint64_t id_;
  std::string name_;
  unsigned number_;
  std::string label_;

  std::optional<sched::ConnectionLife> life_;  ///< from the first time that somebody needs it
  net::Timer timer_;
  net::Timer sampling_;
  bool telling_ = false;
  bool closed_ = false;
  bool wasReady_ = false;     ///< the browser that was launched last did connect
  bool launching_ = false;    ///< the host has not yet said what became of the launch
  bool stopping_ = false;     ///< a browser of before is being ended
  bool stopAsked_ = false;    ///< by the life, which waits for stopped()
  bool launchWaits_ = false;  ///< until that is done
  std::optional<HostedBrowser> browser_;
  std::optional<wire::Capabilities> early_;  ///< the page was there before the host said so
  std::string session_;                      ///< empty: none
  base::TimePoint launchBegan_{};
  std::optional<Error> cause_;  ///< why the page ended, in the words of whoever saw it
  std::vector<OnReady> waiters_;
  std::unique_ptr<ProcessWatch> watch_;
  std::map<std::string, std::weak_ptr<Loaded>> held_;  ///< by handle
  std::map<sched::JobId, Job> jobs_;
  sched::JobId nextJob_ = 1;
  unsigned openLoads_ = 0;

  std::atomic<std::uint64_t> incarnation_{0};
  std::atomic<int> pid_{0};
  mutable std::mutex mutex_;  ///< for what follows
  ConnectionFacts facts_;
  ConnectionStats stats_;
};

}  // namespace webpool::pool
