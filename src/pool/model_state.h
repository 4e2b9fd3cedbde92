// What a Model handle shares: the replicas of the model, in browsers and on joined devices, the
// choice among them, and the second try for a job whose browser died under it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pool/conversations.h"
#include "pool/engine.h"
#include "pool/replica.h"
#include "sched/job_retry.h"
#include "webpool/model.h"

namespace webpool {

struct Model::State final : pool::DeviceListener, std::enable_shared_from_this<Model::State> {
  State(std::shared_ptr<pool::Engine> owner, std::shared_ptr<const pool::ResolvedModel> model,
        ModelOptions chosen);

  ~State() override;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// The first replica, for which `info` is filled in. Blocks.
  Result<void> open();

  /// `done` is called once, on a thread of the pool.
  void run(std::vector<Tensor> inputs, boost::json::object parameters, const RunOptions& options,
           std::function<void(Result<Inference>)> done);

  /// Tells the observer of a call that was refused before it became a run.
  void refused(std::span<const Tensor> inputs, base::TimePoint began, const Error& error) const;

  std::shared_ptr<pool::Engine> engine;
  std::shared_ptr<const pool::ResolvedModel> source;
  ModelOptions options;
  ModelInfo info;  ///< complete after open(); then constant

  /// The one that is expected to answer first (replica_choice.h); null where none serves.
  std::shared_ptr<pool::Replica> serving(const std::vector<std::uint64_t>& avoid,
                                         const std::string& conversation = {}) const;

  void deviceCame(const pool::ConnectionRef& device) override;
  void deviceLeft(const pool::ConnectionRef& device) override;

 private:
  struct Job;
  using Provided = Result<std::shared_ptr<pool::Replica>>;

  void attempt(const std::shared_ptr<Job>& job);
  /// Gives the job its one reply, and tells the observer.
  void reply(const std::shared_ptr<Job>& job, Result<Inference> result);
  void send(const std::shared_ptr<Job>& job, const std::shared_ptr<pool::Replica>& replica);
  void answered(const std::shared_ptr<Job>& job, const pool::Replica& replica,
                std::uint64_t incarnation, pool::RunOutcome outcome);
  void decide(const std::shared_ptr<Job>& job, std::optional<sched::RetryDecision> decision);

  /// A replica that is loaded, and checked where that needs no inputs of a call. In a pool that
  /// launches no browser it waits for a device to join. Blocks.
  Provided provide(const std::vector<std::uint64_t>& avoid, const ProgressCallback& progress,
                   const std::stop_token& stop, base::TimePoint deadline);
  Provided provideInBrowser(const std::string& browser, pool::ConnectionWish wish,
                            const ProgressCallback& progress, const std::stop_token& stop);
  /// On the backend that was asked for; of Auto on the best that answers right there.
  Provided provideOn(const pool::ConnectionRef& connection, const ProgressCallback& progress,
                     const std::stop_token& stop);
  Provided provideOn(const pool::ConnectionRef& connection, Backend backend,
                     const ProgressCallback& progress, const std::stop_token& stop);
  /// On one of the devices that are there. NotFound for none.
  Provided provideOnDevice(const std::vector<std::uint64_t>& avoid,
                           const ProgressCallback& progress, const std::stop_token& stop);
  Provided provideOnComingDevice(const std::vector<std::uint64_t>& avoid,
                                 const ProgressCallback& progress, const std::stop_token& stop,
                                 base::TimePoint deadline, Provided otherwise);
  Provided load(const pool::ConnectionRef& connection,
                const std::shared_ptr<pool::Replica>& replica, const ProgressCallback& progress,
                const std::stop_token& stop);
  void tellFailedLoad(const std::string& browser, base::TimePoint began, const Error& error) const;
  std::shared_ptr<pool::Replica> replicaOn(const pool::ConnectionRef& connection, Backend backend,
                                           unsigned threads);
  Provided provideSpare();
  /// Tells the program how it went on a device that came.
  void tellOf(const pool::ConnectionRef& device, const Provided& there) const;
  bool lacksSpare() const;
  pool::ConnectionRef deviceWithoutModel() const;
  bool mayJoin() const;
  /// Loads the model into further browsers as the pool's options ask, and again onto devices that
  /// lost it, in the background.
  void provideSpares();

  std::mutex providing_;  ///< one replica is provided at a time
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<pool::Replica>> replicas_;
  bool sparesUnderWay_ = false;
  bool shared_ = false;  ///< devices may have the model
  std::condition_variable_any deviceCame_;
  std::uint64_t devicesSeen_ = 0;
  pool::Conversations conversations_;
  sched::JobRetry retry_;
  sched::JobId nextJob_ = 1;
};

}  // namespace webpool
