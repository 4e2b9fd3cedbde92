// The pool behind the public headers: one event-loop thread that owns the state, a few worker
// threads for what blocks, one browser, its page and the models in it.
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/embedded_files.h"
#include "net/event_loop.h"
#include "net/server.h"
#include "net/worker_threads.h"
#include "pool/browser_host.h"
#include "pool/model_source.h"
#include "pool/page_hub.h"
#include "pool/pending.h"
#include "pool/process_watch.h"
#include "webpool/pool.h"

namespace webpool::pool {

/// A model of the caller, resident in the page or not. Only `incarnation` changes once it is made.
struct Loaded {
  std::string handle;  ///< names it on the wire
  ResolvedModel source;
  Backend backend = Backend::Wasm;
  unsigned threads = 1;
  std::atomic<std::uint64_t> incarnation{0};  ///< of the page that holds it; 0: none does
};

/// What one load brought.
struct LoadOutcome {
  wire::Loaded answer;
  BrowserCapabilities browser;
  double launchMs = 0;  ///< of the browser that the model is in
};

/// Blocking calls are made from any thread but the loop's. The loop runs as long as the engine
/// lives, also after close(), so that every call gets its answer.
class Engine {
 public:
  static Result<std::shared_ptr<Engine>> open(PoolOptions options);
  ~Engine();

  void start();
  /// The browser that is connected, launching one where none runs. Blocks.
  Result<BrowserCapabilities> connect(const std::stop_token& stop);
  Result<ResolvedModel> resolve(std::string_view model, const ModelOptions& options);

  /// Loads onto the page, launching the browser where none runs. Blocks.
  /// `warmUp`: the page runs the model once before it answers; not needed where the caller does.
  Result<LoadOutcome> loadOnPage(const std::shared_ptr<Loaded>& model, const ModelOptions& options,
                                 bool warmUp);

  /// Runs on a resident model; WorkerLost with nothing sent when it is not resident. `done` is
  /// called once, on the loop thread. Any thread.
  void run(const std::shared_ptr<Loaded>& model, std::vector<Tensor> inputs,
           boost::json::object parameters, const RunOptions& options,
           std::function<void(Result<wire::RunResult>)> done);

  /// The same, waiting.
  Result<wire::RunResult> runAndWait(const std::shared_ptr<Loaded>& model,
                                     std::vector<Tensor> inputs, boost::json::object parameters,
                                     const RunOptions& options);

  /// Sends tensors to the page and back: measures the bridge. Blocks.
  Result<std::vector<Tensor>> echo(std::vector<Tensor> tensors, const RunOptions& options);

  /// Ends the model's Worker in the page. Any thread; nothing waits for it.
  void unload(const std::shared_ptr<Loaded>& model);

  /// Runs `work`, which may make blocking calls of the engine, on a thread of its own. close()
  /// waits for it. False, and nothing is run, once the pool is closed. Any thread.
  bool inBackground(std::function<void()> work);

  /// What every call answers once the pool is closed.
  Error closedError() const;

  bool isResident(const std::shared_ptr<Loaded>& model) const;
  std::string newHandle();
  const PoolOptions& options() const { return options_; }
  std::string origin() const;
  int browserPid() const { return browserPid_; }
  void close();

 private:
  using ConnectWaiter = std::shared_ptr<Pending<BrowserCapabilities>>;

  Engine(PoolOptions options, std::shared_ptr<spdlog::logger> log,
         std::unique_ptr<ModelSource> models, std::unique_ptr<BrowserHost> host);
  Result<void> listen();
  void beginLaunch();
  void onLaunched(const Result<browsers::Browser>& launched);
  void onModelsLost(const std::vector<std::string>& handles);
  void onReady(const wire::Capabilities& capabilities);
  void onPageEnded(std::optional<Error> cause);
  void onProcessEnded();
  void failLaunch(const Error& error);
  void joinBackground(bool all);

  PoolOptions options_;
  std::shared_ptr<spdlog::logger> log_;
  std::unique_ptr<ModelSource> models_;
  net::EmbeddedFiles page_;
  net::EventLoop loop_;
  std::unique_ptr<BrowserHost> host_;
  std::unique_ptr<PageHub> hub_;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<net::WorkerThreads> workers_;

  // Loop thread only.
  enum class BrowserState { None, Launching, Ready, Stopping };
  BrowserState browserState_ = BrowserState::None;
  std::optional<browsers::Browser> browser_;      ///< once launch() has returned
  std::optional<wire::Capabilities> earlyReady_;  ///< the page was there before launch() returned
  std::map<std::string, std::weak_ptr<Loaded>> held_;  ///< by handle: what the page holds
  std::string session_;
  std::uint64_t incarnation_ = 0;
  BrowserCapabilities capabilities_;
  base::TimePoint launchBegan_{};
  std::vector<ConnectWaiter> connectWaiters_;
  std::unique_ptr<ProcessWatch> watch_;

  std::atomic<std::uint64_t> residentIncarnation_{0};  ///< of the page that is ready; 0: none
  std::atomic<double> lastLaunchMs_{0};
  std::atomic<int> browserPid_{0};
  std::atomic<std::uint64_t> nextHandle_{1};
  std::atomic<bool> closed_{false};
  std::mutex closeMutex_;

  struct Background {
    std::atomic<bool> finished{false};
    std::jthread thread;
  };
  std::mutex backgroundMutex_;
  std::vector<std::unique_ptr<Background>> background_;
  std::jthread thread_;  ///< last: joined before anything it uses is destroyed
};

}  // namespace webpool::pool
