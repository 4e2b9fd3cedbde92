// What a Model handle shares: the replicas of the model, in browsers and on joined devices, the
// calls that wait for one, which of them go together and where, and the second try for what a
// browser died under.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pool/answer_cache.h"
#include "pool/batch_rules.h"
#include "pool/conversations.h"
#include "pool/engine.h"
#include "pool/replica.h"
#include "pool/replica_choice.h"
#include "pool/work.h"
#include "sched/exploration.h"
#include "sched/hedging.h"
#include "sched/job_retry.h"
#include "sched/request_queue.h"
#include "sched/scaling.h"
#include "webpool/model.h"

namespace webpool {

struct Model::State final : pool::DeviceListener,
                            pool::CallCounter,
                            std::enable_shared_from_this<Model::State> {
  State(std::shared_ptr<pool::Engine> owner, std::shared_ptr<const pool::ResolvedModel> model,
        ModelOptions chosen);

  ~State() override;
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  using SourceRef = std::shared_ptr<const pool::ResolvedModel>;

  /// The first replica, for which `info` is filled in. `untried`: the same model in dtypes of which
  /// nothing is known, where the caller left the choice to the pool. Blocks.
  Result<void> open(std::vector<SourceRef> untried = {});

  /// `done` is called once, on a thread of the pool.
  void run(std::vector<Tensor> inputs, boost::json::object parameters, const RunOptions& options,
           std::function<void(Result<Inference>)> done);

  /// Tells the observer of a call that was refused before it became a run.
  void refused(std::span<const Tensor> inputs, base::TimePoint began, const Error& error) const;

  /// Tells it of one that was answered without a run.
  void neededNoRun(std::uint64_t items, base::TimePoint began) const;

  /// Nobody has the model any more: how fast it is in other dtypes is not worth a run.
  void tryNoMore();

  /// Of the first replica; zeros where there is none yet.
  LoadTimings loadTimings() const;

  std::shared_ptr<pool::Engine> engine;
  std::shared_ptr<const pool::ResolvedModel> source;
  ModelOptions options;
  ModelInfo info;  ///< complete after open(); then constant

  /// The one that is expected to answer first (replica_choice.h); null where none serves.
  std::shared_ptr<pool::Replica> serving(const std::vector<std::uint64_t>& avoid) const;
  std::size_t servingWorkers() const;

  ModelCalls calls() const override;

  void deviceCame(const pool::ConnectionRef& device) override;
  void deviceLeft(const pool::ConnectionRef& device) override;

 private:
  using Provided = Result<std::shared_ptr<pool::Replica>>;
  using WorkRef = std::shared_ptr<pool::Work>;
  using BatchRef = std::shared_ptr<pool::Batch>;
  using CallerRef = std::shared_ptr<pool::Caller>;

  /// A row of the record, of a call that no browser was asked for.
  RecordedRun unsentRun(std::uint64_t items, base::TimePoint began) const;

  // Callers (model_state.cpp).

  /// Takes the caller into the queue, or to an equal call that is under way. Busy: it is full.
  Result<void> admit(const CallerRef& caller, std::string key, std::vector<Tensor> inputs,
                     boost::json::object parameters);
  /// Busy where its turn can't come before its deadline, Timeout where that is not for others'
  /// calls. mutex_ is held.
  Result<void> canBeInTime(const pool::Caller& caller, const pool::BatchShare& share);
  /// The caller wants no more. Loop thread.
  void leave(sched::JobId work, std::uint64_t caller, const Error& error);
  /// Nobody waits for it any more: ends it, where that costs less than to let it go on.
  void drop(const BatchRef& batch);
  void watchDeadlines();
  void sweepDeadlines();
  /// Gives the callers their one reply, and tells the observer.
  void reply(const WorkRef& work, const Result<Inference>& result);
  void replyTo(const CallerRef& caller, const pool::Work& work, Result<Inference> result);
  /// `work`: null for a call that was answered without a run.
  void reply(std::function<void(Result<Inference>)> done, base::TimePoint began,
             std::span<const Tensor> inputs, const pool::Work* work, Result<Inference> result);
  /// The work has its answer, or nobody wants it: nothing is kept of it. mutex_ is held.
  void forget(const WorkRef& work);
  /// Takes the caller's place; none where it has had its reply. mutex_ is held.
  CallerRef detach(pool::Work& work, std::uint64_t caller);

  // Runs (model_batches.cpp).

  /// Sends what waits to workers that are free, and has the model brought where it is nowhere.
  void pump();
  /// mutex_ is held.
  BatchRef takeBatch();
  /// Texts, or rows, that a run of that call takes at most.
  unsigned mostItems(const pool::Work& work) const;
  std::uint64_t mostBytes(const pool::Work& first, pool::Replica& replica) const;
  /// It may wait until then for others to go with; none: it goes now. mutex_ is held.
  std::optional<base::TimePoint> waitsForOthers(const pool::Work& head, base::TimePoint now) const;
  /// Of texts that were answered, so that their lengths tell of tokens.
  void learnTokens(const pool::Batch& batch, const wire::RunResult& result);
  /// Of what was taken from the queue. mutex_ is held.
  std::optional<double> worthwhilePadding(const pool::Replica& replica) const;
  BatchRef makeBatch(const std::vector<sched::JobId>& taken,
                     const std::shared_ptr<pool::Replica>& replica);
  struct Place {
    std::shared_ptr<pool::Replica> replica;
    pool::Candidate candidate;
  };
  std::vector<Place> places(const std::string& conversation, const sched::RunSize& size) const;
  /// As it was learned; `guess`: from its neighbours where it has no runs of its own.
  std::optional<base::Duration> expected(const pool::Replica& replica, const sched::RunSize& size,
                                         bool guess) const;
  std::shared_ptr<pool::Replica> chooseFor(const pool::Work& first, const std::vector<Place>& able,
                                           unsigned most, base::TimePoint now);
  std::uint64_t shareOfWaiting(const pool::Work& first, const std::vector<Place>& able,
                               const pool::Replica& chosen, unsigned most) const;
  /// The run has ended there.
  void learn(const pool::Batch& batch, pool::Replica& replica, pool::Backlog::Id inBacklog,
             const pool::RunOutcome& outcome);

  // Runs that are late (model_hedging.cpp).

  /// It was sent: looks again when it is late.
  void watch(const BatchRef& batch);
  void runTwiceAt(base::TimePoint when, const BatchRef& batch);
  void runTwice(const BatchRef& batch);
  /// None, or why it is not run a second time. mutex_ is held.
  std::shared_ptr<pool::Replica> secondFor(const pool::Batch& batch, base::TimePoint now) const;
  sched::RunUnderWay underWay(const pool::Batch& batch) const;
  /// A run can be ended in the page without its model being lost.
  bool endsRuns() const { return source->gguf.has_value(); }
  /// What becomes of the batch now that one of its runs has ended; false: nothing yet, or any more.
  bool decides(const BatchRef& batch, const std::shared_ptr<pool::Replica>& replica,
               pool::RunOutcome& outcome);
  bool mayGoTo(sched::JobId work, const pool::Replica& replica) const;
  void send(const BatchRef& batch);
  RunOptions askedOf(const BatchRef& batch) const;
  Result<std::vector<Tensor>> inputsOf(const pool::Batch& batch) const;
  /// `replica`: where that run was.
  void answered(const BatchRef& batch, const std::shared_ptr<pool::Replica>& replica,
                pool::RunOutcome outcome);
  void succeeded(const BatchRef& batch, const std::shared_ptr<pool::Replica>& replica,
                 wire::RunResult result);
  void failed(const BatchRef& batch, const Error& error, bool died);
  void decide(const WorkRef& work, std::optional<sched::RetryDecision> decision, bool alone);
  void giveUp(const WorkRef& work, const Error& error);
  /// The work that no worker may serve now, whose turn it is. mutex_ is held.
  WorkRef homeless() const;
  void bringModel(const WorkRef& first);
  void broughtNot(const WorkRef& first, const std::vector<WorkRef>& others, const Error& error);

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
  /// `others`: in any of the pool's browsers, the fastest or least known, and not in its like.
  Provided provideSpare(bool others = false);
  Backend fasterOf(Backend best, const pool::Connection& connection) const;
  /// The fastest first, as far as that is known.
  void sortBrowsers(std::vector<std::string>& names) const;

  // More workers and fewer (model_scaling.cpp).

  /// Looks in a while, and again and again, whether it needs more or fewer.
  void scaleLater();
  /// Workers that it may have.
  unsigned mostWorkers() const;
  void scale();
  sched::ScalingInputs scalingInputs(base::TimePoint now);
  void addWorkers(unsigned count);
  void drainWorker();

  /// Tells the program how it went on a device that came.
  void tellOf(const pool::ConnectionRef& device, const Provided& there) const;
  bool lacksSpare() const;
  pool::ConnectionRef deviceWithoutModel() const;
  bool mayJoin() const;
  PeerSharing sharing() const;
  /// Loads the model into further browsers as the pool's options ask, and again onto devices that
  /// lost it, in the background.
  void provideSpares();

  // Other dtypes of the model (model_trial.cpp).

  /// Looks in a while whether one can be tried that nothing is known of.
  void tryOthersLater();
  void tryOthers();
  /// How long it takes to answer that. False: a call came meanwhile.
  bool tryOut(const std::shared_ptr<pool::Loaded>& worker, const pool::Sample& sample,
              const std::stop_token& stop);
  bool measure(pool::Replica& trial, const pool::Sample& sample, const std::stop_token& stop);

  std::mutex providing_;  ///< one replica is provided at a time, but on devices that share
  std::mutex comparing_;  ///< one device is compared at a time; locked after `providing_`
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<pool::Replica>> replicas_;
  bool sparesUnderWay_ = false;
  bool shared_ = false;  ///< devices may have the model
  std::condition_variable_any deviceCame_;
  std::uint64_t devicesSeen_ = 0;
  pool::Conversations conversations_;
  pool::SlownessCheck slowness_;
  sched::Exploration exploration_;
  base::TimePoint openedAt_ = base::SystemClock().now();
  sched::Hedging hedging_;
  std::optional<sched::Scaling> scaling_;  ///< none: the number of workers stays
  unsigned starting_ = 0;                  ///< workers that are being added
  base::TimePoint scaledAt_{};
  base::Duration workedBefore_{};
  sched::JobRetry retry_;

  std::vector<SourceRef> untried_;
  std::optional<pool::Sample> sample_;  ///< a call of late, while any is untried
  std::stop_source trialStop_{};
  unsigned trialsStopped_ = 0;
  base::TimePoint askedAt_{};  ///< the latest call came

  // What waits and what runs; mutex_ guards it.
  pool::BatchRules rules_;
  double textBytes_ = 0;  ///< of the texts that textTokens_ counts
  double textTokens_ = 0;
  pool::AnswerCache answers_;
  std::optional<base::TimePoint> pumpsAt_;  ///< a batch waits for others until then
  std::uint64_t hedgedRuns_ = 0;
  /// Batches in a row that were a single call. At first so many that one is to be seen.
  std::uint64_t takenAlone_ = 32;
  bool joins_ = true;  ///< false once an answer to several calls could not be told apart
  sched::RequestQueue queue_;
  std::map<sched::JobId, WorkRef> works_;
  std::map<std::string, sched::JobId> equals_;  ///< works that others may share, by their key
  std::multimap<base::TimePoint, std::pair<sched::JobId, std::uint64_t>> deadlines_;
  std::optional<base::TimePoint> watchedUntil_;
  bool bringing_ = false;          ///< the model is being brought for work that has no worker
  std::stop_source bringingStop_;  ///< nobody wants that any more
  sched::JobId nextJob_ = 1;
  std::uint64_t nextCaller_ = 1;
};

}  // namespace webpool
