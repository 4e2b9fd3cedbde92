// What a Model handle shares: the replicas of the model, the choice among them, and the second try
// for a job whose browser died under it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "pool/engine.h"
#include "pool/replica.h"
#include "sched/job_retry.h"
#include "webpool/model.h"

namespace webpool {

struct Model::State : std::enable_shared_from_this<Model::State> {
  State(std::shared_ptr<pool::Engine> owner, std::shared_ptr<const pool::ResolvedModel> model,
        ModelOptions chosen);

  /// The first replica, for which `info` is filled in. Blocks.
  Result<void> open();

  /// `done` is called once, on a thread of the pool.
  void run(std::vector<Tensor> inputs, boost::json::object parameters, const RunOptions& options,
           std::function<void(Result<Inference>)> done);

  std::shared_ptr<pool::Engine> engine;
  std::shared_ptr<const pool::ResolvedModel> source;
  ModelOptions options;
  ModelInfo info;  ///< complete after open(); then constant

  /// The one that serves and has the least to do; null where none serves.
  std::shared_ptr<pool::Replica> serving(const std::vector<std::uint64_t>& avoid) const;

 private:
  struct Job;

  void attempt(const std::shared_ptr<Job>& job);
  /// Gives the job its one reply.
  void reply(const std::shared_ptr<Job>& job, Result<Inference> result);
  void send(const std::shared_ptr<Job>& job, const std::shared_ptr<pool::Replica>& replica);
  void answered(const std::shared_ptr<Job>& job, const pool::Replica& replica,
                std::uint64_t incarnation, Result<wire::RunResult> result, bool died);
  void decide(const std::shared_ptr<Job>& job, std::optional<sched::RetryDecision> decision);

  /// A replica that is loaded, and checked where that needs no inputs of a call. Blocks.
  Result<std::shared_ptr<pool::Replica>> provide(const std::vector<std::uint64_t>& avoid,
                                                 const ProgressCallback& progress,
                                                 const std::stop_token& stop);
  Result<std::shared_ptr<pool::Replica>> provideIn(const std::string& browser,
                                                   pool::ConnectionWish wish,
                                                   const ProgressCallback& progress,
                                                   const std::stop_token& stop);
  std::shared_ptr<pool::Replica> replicaOn(const pool::ConnectionRef& connection, Backend backend,
                                           unsigned threads);
  Result<std::shared_ptr<pool::Replica>> provideSpare();
  /// Loads the model into further browsers as the pool's options ask, in the background.
  void provideSpares();

  std::mutex providing_;  ///< one replica is provided at a time
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<pool::Replica>> replicas_;
  bool sparesUnderWay_ = false;
  sched::JobRetry retry_;
  sched::JobId nextJob_ = 1;
};

}  // namespace webpool
