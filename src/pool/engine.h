// The pool behind the public headers: one event-loop thread that owns the pool's state, a few
// worker threads for what blocks, and the connections: browsers and joined devices.
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/http_client.h"
#include "net/embedded_files.h"
#include "net/event_loop.h"
#include "net/server.h"
#include "net/worker_threads.h"
#include "pool/background.h"
#include "pool/browser_connection.h"
#include "pool/browser_host.h"
#include "pool/dispatcher.h"
#include "pool/joined_devices.h"
#include "pool/loaded.h"
#include "pool/machine_part.h"
#include "pool/memory_keeper.h"
#include "pool/model_source.h"
#include "pool/page_hub.h"
#include "pool/pending.h"
#include "pool/refusals.h"
#include "pool/run_times.h"
#include "webpool/pool.h"
#include "webpool/record.h"

namespace webpool::pool {

struct Run;

/// Which browser a caller wants.
struct ConnectionWish {
  std::string browser{};                ///< by name; empty: the pool's first
  std::vector<std::uint64_t> avoid{};   ///< pages to keep away from, where there is a choice
  std::vector<ConnectionRef> others{};  ///< never one of these
};

/// A browser that is there, for as long as the claim lasts.
struct Connected {
  ConnectionRef connection;
  std::shared_ptr<const void> claim;  ///< without it, it may have to make place for another browser
};

/// What one load brought.
struct LoadOutcome {
  wire::Loaded answer;
  ConnectionFacts connection;
};

/// How a run ended.
struct RunOutcome {
  Result<wire::RunResult> result;
  bool died = false;  ///< the worker ended under it, which may be why
  /// From its being sent to its answer, without the time that it waited in the page.
  std::chrono::nanoseconds took{};
};

/// Told of devices that join and leave, on the loop thread.
class DeviceListener {
 public:
  virtual ~DeviceListener() = default;
  virtual void deviceCame(const ConnectionRef& device) = 0;
  virtual void deviceLeft(const ConnectionRef& device) = 0;
};

/// Knows the calls of a model.
class CallCounter {
 public:
  virtual ~CallCounter() = default;
  /// Any thread.
  virtual ModelCalls calls() const = 0;
};

/// Blocking calls are made from any thread but the loop's. The loop runs as long as the engine
/// lives, also after close(), so that every call gets its answer.
class Engine {
 public:
  static Result<std::shared_ptr<Engine>> open(PoolOptions options);
  ~Engine();

  /// Begins to launch the first browsers; failures show in the next call.
  void start();

  /// A browser that is there, launched where that is what the wish needs. Blocks.
  /// One that nobody uses ends for one of another name where the pool may have no more. Busy where
  /// all are used.
  Result<Connected> connect(const ConnectionWish& wish, const std::stop_token& stop);
  /// The names of the browsers that the pool may launch, best first; none where it launches none.
  /// May block.
  Result<std::vector<std::string>> browserNames();

  // Devices that join.

  std::optional<Invitation> invitation() const { return invitation_; }
  /// Those that may be given work now. Any thread.
  std::vector<ConnectionRef> devices() const;
  void watchDevices(std::weak_ptr<DeviceListener> listener);
  /// Lets devices have the model, until unshare(). Blocks. Does nothing where none can join.
  Result<void> share(const std::shared_ptr<const ResolvedModel>& model);
  void unshare(const std::shared_ptr<const ResolvedModel>& model);

  Result<ResolvedModel> resolve(std::string_view model, const ModelOptions& options);
  const ModelSource& models() const { return *models_; }
  /// What the model will be loaded on, as far as that is known before a browser is asked for.
  std::optional<Backend> likelyBackend(const ModelOptions& options) const;

  /// A file of a model that was resolved. Blocks.
  Result<Bytes> readFile(const store::ModelFile& file) const;

  /// Loads onto the page of the model's connection, launching its browser where none runs. A file
  /// that the page finds damaged is fetched anew once, where somebody has it. Blocks.
  /// `warmUp`: the page runs the model once before it answers; not needed where the caller does.
  Result<LoadOutcome> loadOnPage(const std::shared_ptr<Loaded>& model, const ModelOptions& options,
                                 bool warmUp);

  using RunDone = std::function<void(RunOutcome)>;
  using OnPartial = std::function<void(wire::Partial)>;

  /// Runs on a resident model; WorkerLost with nothing sent when it is not resident. `done` is
  /// called once, on the loop thread, and `onPartial` before it. `unwanted` drops it where the page
  /// has not begun it, at no cost; `options.stop` ends it in any case. Any thread.
  void run(const std::shared_ptr<Loaded>& model, std::vector<Tensor> inputs,
           boost::json::object parameters, const RunOptions& options, RunDone done,
           OnPartial onPartial = {}, const std::stop_token& unwanted = {});

  /// The same, waiting.
  RunOutcome runAndTime(const std::shared_ptr<Loaded>& model, std::vector<Tensor> inputs,
                        boost::json::object parameters, const RunOptions& options);
  Result<wire::RunResult> runAndWait(const std::shared_ptr<Loaded>& model,
                                     std::vector<Tensor> inputs, boost::json::object parameters,
                                     const RunOptions& options) {
    return runAndTime(model, std::move(inputs), std::move(parameters), options).result;
  }

  /// Sends tensors to the connection's page and back: measures the bridge. Blocks.
  Result<std::vector<Tensor>> echo(const ConnectionRef& connection, std::vector<Tensor> tensors,
                                   const RunOptions& options);

  /// The model's answers were found right, or wrong, where it is loaded. Any thread.
  void gatePassed(const std::shared_ptr<Loaded>& model);
  void gateFailed(const std::shared_ptr<Loaded>& model, const Error& error);
  /// In that page it fails on what it is known to answer. Any thread.
  void knownInputsFailed(const std::shared_ptr<Loaded>& model, std::uint64_t page,
                         const Error& error);

  /// Ends the model's Worker in the page, and forgets how often it was called. Any thread; nothing
  /// waits for it.
  void unload(const std::shared_ptr<Loaded>& model);

  /// Runs `work`, which may make blocking calls of the engine, on a thread of its own. close()
  /// waits for it. False, and nothing is run, once the pool is closed. Any thread.
  bool inBackground(std::function<void()> work) { return background_.run(std::move(work)); }

  /// On the loop thread, later. Any thread.
  void post(std::function<void()> work) { loop_.post(std::move(work)); }
  /// The same at that time or soon after; not once the pool is closed. Any thread.
  void postAt(base::TimePoint when, std::function<void()> work);
  /// That no run computes on. Loop thread.
  unsigned idleCores() const;

  /// What every call answers once the pool is closed.
  Error closedError() const;
  /// Requested when the pool begins to close: for waits that nothing else would end.
  std::stop_token closing() const { return closing_.get_token(); }

  /// Nothing would have to be unloaded for it. Loop thread.
  bool hasRoomFor(const Loaded& worker);

  /// A worker for that model on that connection; not loaded yet.
  std::shared_ptr<Loaded> newWorker(std::shared_ptr<const ResolvedModel> source,
                                    const ConnectionRef& connection, Backend backend,
                                    unsigned threads);
  /// Cores of this machine that one model's threads may be spread over, beside other pools. Any
  /// thread.
  unsigned coresForModel() const { return coresForModel_; }
  /// Combinations that were found to answer wrong. Any thread.
  Refusals& refusals() { return refusals_; }
  /// What runs took, and will take. Any thread.
  RunTimes& runTimes() { return runTimes_; }
  /// Ends a browser that holds no model but that one, drained, where more are there than must be;
  /// it is launched again when it is needed. Any thread; nothing waits for it.
  void retire(const ConnectionRef& connection, const std::shared_ptr<Loaded>& leaving);
  /// What was decided of the number of workers, oldest first, the latest at most. Any thread.
  std::vector<ScalingEvent> scalingEvents() const;
  void scaled(ScalingEvent event);
  /// Its calls are told of by calls(), for as long as it lives. Any thread.
  void count(std::weak_ptr<CallCounter> counter);
  /// By the models' names. Any thread.
  std::vector<ModelCalls> calls() const;
  /// Which browsers there are was left to the pool, and not to the first one alone: the others are
  /// for what the first one can't do, and for more workers than it has.
  bool findsBrowsers() const;
  spdlog::logger& log() const { return *log_; }
  const PoolOptions& options() const { return options_; }
  /// Null where nobody wants to know.
  RunObserver* observer() const {
    auto* const observer = options_.observer.get();
    return observer != nullptr && observer->listens() ? observer : nullptr;
  }
  /// For RecordedLoad. Any thread.
  std::uint64_t nextLoad() { return nextLoad_++; }
  std::string origin() const;
  /// Every browser that the pool ever had, and every device that is there. Any thread.
  std::vector<ConnectionStats> connections() const;
  void close();

 private:
  Engine(PoolOptions options, std::shared_ptr<spdlog::logger> log,
         std::unique_ptr<ModelSource> models, std::unique_ptr<BrowserHost> host);
  /// Models are asked for where the options say.
  Result<void> useContentSources();
  Result<void> listen();
  Result<void> openDesk(const JoinOptions& join);
  void closeDesk();
  using BrowserRef = std::shared_ptr<BrowserConnection>;
  Result<BrowserRef> choose(const std::string& browser, const ConnectionWish& wish);
  using Waiter = std::shared_ptr<Pending<Connected>>;
  /// Chooses and waits until it is ready; loop thread.
  void give(const Waiter& waiter, const std::string& browser, const ConnectionWish& wish,
            bool mayReplace);
  /// Of another name than `browser`, and used by nobody; null: there is none.
  BrowserRef unusedBeside(const std::string& browser) const;
  Result<LoadOutcome> sendLoad(const std::shared_ptr<Loaded>& model, const ModelOptions& options,
                               bool warmUp);
  bool send(const std::shared_ptr<Run>& run);
  void withdraw(Run& run);
  /// Unloads what stands in the way of the model, then calls `then`.
  void makeRoom(const std::shared_ptr<Loaded>& model, unsigned tries,
                std::function<void(Result<ConnectionFacts>)> then);
  void onPageCame();
  /// Once now, and then again and again: what other pools of this machine leave to this one.
  void shareMachine();

  PoolOptions options_;
  std::shared_ptr<spdlog::logger> log_;
  std::unique_ptr<base::HttpClient> http_;  ///< that models are fetched with
  std::unique_ptr<ModelSource> models_;
  Refusals refusals_;
  RunTimes runTimes_;
  mutable std::mutex scalingMutex_;
  std::deque<ScalingEvent> scalingEvents_;
  mutable std::mutex countersMutex_;
  std::vector<std::weak_ptr<CallCounter>> counters_;
  net::EmbeddedFiles page_;
  MemoryKeeper memory_;  ///< loop thread only
  net::EventLoop loop_;
  std::unique_ptr<BrowserHost> host_;
  std::unique_ptr<PageHub> hub_;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<net::WorkerThreads> workers_;
  SharingDesk sharing_;  ///< loop thread only
  ConnectionSite connectionSite_;
  std::unique_ptr<LaunchSite> launchSite_;
  std::unique_ptr<JoinedDevices> joined_;  ///< null where none may join, and once it is closed
  std::optional<Invitation> invitation_;

  mutable std::mutex connectionsMutex_;  ///< for these three, changed on the loop thread only
  std::vector<BrowserRef> browsers_;
  std::vector<ConnectionRef> devices_;
  std::vector<std::weak_ptr<DeviceListener>> listeners_;
  std::uint64_t nextConnection_ = 1;            ///< loop thread only
  bool portKept_ = false;                       ///< loop thread only
  Dispatcher dispatcher_;                       ///< loop thread only
  std::map<std::uint64_t, net::Timer> timers_;  ///< of postAt(); loop thread only
  std::uint64_t nextTimer_ = 1;                 ///< loop thread only
  bool timersOver_ = false;                     ///< loop thread only
  std::optional<MachinePart> machine_;          ///< none where it can't be told; loop thread only
  MachinePart::Part part_{};                    ///< loop thread only
  net::Timer shareTimer_{};                     ///< loop thread only
  std::atomic<unsigned> coresForModel_;
  std::atomic<std::uint64_t> nextWorker_{1};
  std::atomic<std::uint64_t> nextLoad_{1};
  std::atomic<bool> closed_{false};
  std::stop_source closing_;
  std::mutex closeMutex_;
  Background background_;
  std::jthread thread_;  ///< last: joined before anything it uses is destroyed
};

}  // namespace webpool::pool
