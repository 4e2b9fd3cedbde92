// Blocks by their CIDs from several servers at once: runs fetch::StripedFetch over HTTP. Each block
// is asked for by itself (trustless gateway, ?format=raw) and checked before anybody sees it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/http_client.h"
#include "cid/cid.h"
#include "fetch/striped_fetch.h"
#include "sources/content_servers.h"

namespace webpool::sources {

struct WantedBlock {
  cid::Cid cid;
  /// As far as is known. No block has over 2 MiB, whatever this says.
  std::uint64_t bytes = 0;
};

struct BlockFetchOptions {
  fetch::StripeOptions stripes = {};
  base::Duration stall = std::chrono::seconds(20);   ///< without a byte
  base::Duration longest = std::chrono::minutes(5);  ///< for one block
};

/// Takes a block that is right, by the number that add() gave. Called on threads of the fetch,
/// several at once; the same block may come twice. An error ends the fetch.
using BlockSink = std::function<Result<void>(std::uint64_t number, std::string_view block)>;

/// `http` and `scores` outlive it. add(), addServer() and setMoreServersMayCome() may be called
/// from any thread, and from the sink; all else from one thread.
class BlockFetch {
 public:
  BlockFetch(base::HttpClient& http, fetch::HostScores& scores, BlockFetchOptions options = {});
  ~BlockFetch();
  BlockFetch(const BlockFetch&) = delete;
  BlockFetch& operator=(const BlockFetch&) = delete;

  void addServer(ContentServer server);
  void setMoreServersMayCome(bool may);

  /// Numbers count from 0.
  std::uint64_t add(WantedBlock block);

  /// Blocks until all that was added is there. `tick` is called on this thread, a few times a
  /// second. What the sink says; Cancelled; or the first block that can't be had: NotFound, Fetch,
  /// Timeout, Integrity, with each server's reason.
  Result<void> run(const BlockSink& sink, const std::stop_token& stop,
                   const std::function<void()>& tick);

  /// Nothing is waited for.
  bool isDone() const;
  std::vector<fetch::SourceReport> reports() const;

 private:
  struct Task {
    fetch::Ask ask;
    WantedBlock block;
    ContentServer server;
    std::stop_source stop = {};
  };

  void start(const fetch::Ask& ask);
  void work();
  void perform(Task& task);
  base::HttpRequest requestFor(Task& task, std::string& body);
  void conclude(Task& task, const Result<base::HttpResponse>& answer, const std::string& body);
  void take(Task& task, std::string_view body);
  void endAll(std::unique_lock<std::mutex>& lock);
  static base::TimePoint now() { return std::chrono::steady_clock::now(); }

  base::HttpClient& http_;
  const BlockFetchOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;   ///< for run()
  std::condition_variable hasTasks_;  ///< for the threads
  fetch::StripedFetch fetch_;
  std::vector<ContentServer> servers_;
  std::vector<WantedBlock> wanted_;
  std::deque<std::shared_ptr<Task>> queue_;
  std::map<fetch::RequestId, std::shared_ptr<Task>> tasks_;  ///< queued and running
  const BlockSink* sink_ = nullptr;
  std::optional<Error> fatal_;
  bool somethingChanged_ = false;
  bool ending_ = false;
  unsigned idle_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace webpool::sources
