// The pool behind the public headers: one event-loop thread that owns the pool's state, a few
// worker threads for what blocks, and the connections: browsers, each with its page.
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "net/embedded_files.h"
#include "net/event_loop.h"
#include "net/server.h"
#include "net/worker_threads.h"
#include "pool/background.h"
#include "pool/browser_host.h"
#include "pool/connection.h"
#include "pool/dispatcher.h"
#include "pool/loaded.h"
#include "pool/memory_keeper.h"
#include "pool/model_source.h"
#include "pool/page_hub.h"
#include "pool/pending.h"
#include "pool/refusals.h"
#include "webpool/pool.h"

namespace webpool::pool {

struct Run;

using ConnectionRef = std::shared_ptr<Connection>;

/// Which connection a caller wants.
struct ConnectionWish {
  std::string browser{};                ///< by name; empty: the pool's first
  std::vector<std::uint64_t> avoid{};   ///< pages to keep away from, where there is a choice
  std::vector<ConnectionRef> others{};  ///< never one of these
};

/// What one load brought.
struct LoadOutcome {
  wire::Loaded answer;
  ConnectionFacts connection;
};

/// Blocking calls are made from any thread but the loop's. The loop runs as long as the engine
/// lives, also after close(), so that every call gets its answer.
class Engine {
 public:
  static Result<std::shared_ptr<Engine>> open(PoolOptions options);
  ~Engine();

  /// Begins to launch the first browser; failures show in the next call.
  void start();

  /// A connection that is there, launching a browser where that is what the wish needs. Blocks.
  /// Busy where a further one is wanted and the pool may have no more.
  Result<ConnectionRef> connect(const ConnectionWish& wish, const std::stop_token& stop);
  /// The names of the browsers that the pool may launch, best first. May block.
  Result<std::vector<std::string>> browserNames() { return host_->names(); }

  Result<ResolvedModel> resolve(std::string_view model, const ModelOptions& options);

  /// Loads onto the page of the model's connection, launching its browser where none runs. Blocks.
  /// `warmUp`: the page runs the model once before it answers; not needed where the caller does.
  Result<LoadOutcome> loadOnPage(const std::shared_ptr<Loaded>& model, const ModelOptions& options,
                                 bool warmUp);

  /// `died`: the worker ended under the job, which may be why.
  using RunDone = std::function<void(Result<wire::RunResult>, bool died)>;

  /// Runs on a resident model; WorkerLost with nothing sent when it is not resident. `done` is
  /// called once, on the loop thread. Any thread.
  void run(const std::shared_ptr<Loaded>& model, std::vector<Tensor> inputs,
           boost::json::object parameters, const RunOptions& options, RunDone done);

  /// The same, waiting.
  Result<wire::RunResult> runAndWait(const std::shared_ptr<Loaded>& model,
                                     std::vector<Tensor> inputs, boost::json::object parameters,
                                     const RunOptions& options);

  /// Sends tensors to the connection's page and back: measures the bridge. Blocks.
  Result<std::vector<Tensor>> echo(const ConnectionRef& connection, std::vector<Tensor> tensors,
                                   const RunOptions& options);

  /// The model's answers were found right, or wrong, where it is loaded. Any thread.
  void gatePassed(const std::shared_ptr<Loaded>& model);
  void gateFailed(const std::shared_ptr<Loaded>& model, const Error& error);

  /// Ends the model's Worker in the page. Any thread; nothing waits for it.
  void unload(const std::shared_ptr<Loaded>& model);

  /// Runs `work`, which may make blocking calls of the engine, on a thread of its own. close()
  /// waits for it. False, and nothing is run, once the pool is closed. Any thread.
  bool inBackground(std::function<void()> work) { return background_.run(std::move(work)); }

  /// What every call answers once the pool is closed.
  Error closedError() const;

  /// A worker for that model on that connection; not loaded yet.
  std::shared_ptr<Loaded> newWorker(std::shared_ptr<const ResolvedModel> source,
                                    const ConnectionRef& connection, Backend backend,
                                    unsigned threads);
  /// Combinations that were found to answer wrong. Any thread.
  Refusals& refusals() { return refusals_; }
  spdlog::logger& log() const { return *log_; }
  const PoolOptions& options() const { return options_; }
  std::string origin() const;
  /// Every connection that the pool ever had. Any thread.
  std::vector<ConnectionStats> connections() const;
  void close();

 private:
  Engine(PoolOptions options, std::shared_ptr<spdlog::logger> log,
         std::unique_ptr<ModelSource> models, std::unique_ptr<BrowserHost> host);
  Result<void> listen();
  Result<ConnectionRef> choose(const std::string& browser, const ConnectionWish& wish);
  bool send(const std::shared_ptr<Run>& run);
  /// Unloads what stands in the way of the model, then calls `then`.
  void makeRoom(const std::shared_ptr<Loaded>& model, unsigned tries,
                std::function<void(Result<ConnectionFacts>)> then);
  void onPageCame();

  PoolOptions options_;
  std::shared_ptr<spdlog::logger> log_;
  std::unique_ptr<ModelSource> models_;
  Refusals refusals_;
  net::EmbeddedFiles page_;
  MemoryKeeper memory_;  ///< loop thread only
  net::EventLoop loop_;
  std::unique_ptr<BrowserHost> host_;
  std::unique_ptr<PageHub> hub_;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<net::WorkerThreads> workers_;
  std::unique_ptr<ConnectionSite> site_;

  mutable std::mutex connectionsMutex_;  ///< changed on the loop thread only
  std::vector<ConnectionRef> connections_;
  std::uint64_t nextConnection_ = 1;  ///< loop thread only
  bool portKept_ = false;             ///< loop thread only
  Dispatcher dispatcher_;             ///< loop thread only
  std::atomic<std::uint64_t> nextWorker_{1};
  std::atomic<bool> closed_{false};
  std::mutex closeMutex_;
  Background background_;
  std::jthread thread_;  ///< last: joined before anything it uses is destroyed
};

}  // namespace webpool::pool
