// A model in one worker, brought back where it was lost, that serves nobody before its answers
// agree with the reference.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "pool/backlog.h"
#include "pool/engine.h"
#include "pool/gate.h"
#include "pool/worker_health.h"
#include "sched/batch_bound.h"
#include "webpool/model.h"
#include "webpool/record.h"

namespace webpool::pool {

/// Thread-safe. Destroying it unloads the model.
class Replica : public std::enable_shared_from_this<Replica> {
 public:
  Replica(std::shared_ptr<Engine> engine, std::shared_ptr<Loaded> worker, ModelOptions options);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// Loads the model onto the page where it is not there: true where that was done. WrongResult
  /// where it is known to answer wrong in this browser. Blocks.
  Result<bool> ensureLoaded(const ProgressCallback& progress, const std::stop_token& stop);

  /// The golden gate (gate.h), in each page that the model comes to: compares what needs no
  /// `inputs`, and where these are a call's also the answers to them. WrongResult for a
  /// disagreement, now and ever after. Blocks.
  Result<void> ensureChecked(const std::vector<Tensor>& inputs,
                             const boost::json::object& parameters, const std::stop_token& stop);

  /// Runs until the browser has its best code for the model, or `stop`. WASM needs some 25 runs;
  /// nothing happens where nothing is known that the model could be run on. Blocks.
  void warmUp(const std::vector<Tensor>& sample, const boost::json::object& parameters,
              const std::stop_token& stop);

  /// It may serve at once.
  bool isServing() const { return gate_.isOpen(); }

  /// It has served in some page.
  bool hasServed() const { return gate_.wasOpen(); }

  const std::shared_ptr<Loaded>& worker() const { return loaded_; }
  /// Once it was loaded; only `checkedBy` changes later.
  RanOn ranOn() const;
  /// Of the first load.
  LoadTimings timings() const {
    const std::lock_guard lock(latestMutex_);
    return timings_;
  }
  /// Number and timings of the latest load, without totalMs.
  RecordedLoad latestLoad() const {
    const std::lock_guard lock(latestMutex_);
    return latest_;
  }
  /// What losing the model in its page costs, as of the latest load.
  base::Duration reloadTime() const;
  /// Its number; 0 before the first. Any thread.
  std::uint64_t loadNumber() const { return loadNumber_; }

  std::atomic<unsigned> openRuns{0};  ///< for the choice among replicas
  Backlog backlog;                    ///< of the model's runs; guarded by the model

  sched::BatchBound batchBound;  ///< of runs of texts, in bytes; guarded by the model

  /// What its runs are predicted by; once it serves.
  const sched::RunKey& runKey() const { return runKey_; }

  /// Of the page that it is in: right answers so far.
  std::uint64_t runs() const { return health_.runs(loaded_->incarnation); }
  WorkerHealth::Speed speed() const;

  /// Too many failures in a row keep work away for a while: none where a run may be sent.
  std::optional<Error> obstacle() const;
  WorkerHealth::Ticket runBegan();
  /// Call it once for each runBegan(). Where too many runs have failed that may have had bad
  /// inputs, known ones are run before the worker is given up.
  void runEnded(const WorkerHealth::Ticket& ticket, const RunOutcome& outcome);

  /// It answered these: should later ones fail, they tell whose fault it is.
  void answeredRight(const std::vector<Tensor>& inputs, const boost::json::object& parameters);

 private:
  /// What a worker that works answers; `golden` where it is known what.
  struct Known {
    std::vector<Tensor> inputs{};  ///< none: no such inputs are known
    boost::json::object parameters{};
    const Golden* golden = nullptr;
  };

  const ModelDescription& description() const { return loaded_->source->description; }
  Known known() const;
  void prove(const WorkerHealth::Ticket& ticket);
  void proved(const WorkerHealth::Ticket& ticket, const Golden* golden, RunOutcome outcome);

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<Loaded> loaded_;
  ModelOptions options_;

  std::mutex mutex_;  ///< one load or check at a time
  bool loadedOnce_ = false;
  RanOn ranOn_;
  sched::RunKey runKey_;
  mutable std::mutex latestMutex_;  ///< for the loads' times
  LoadTimings timings_;
  RecordedLoad latest_;
  std::atomic<std::uint64_t> loadNumber_{0};
  Gate gate_;

  WorkerHealth health_;
  mutable std::mutex rightMutex_;  ///< for what follows
  std::vector<Tensor> right_;      ///< the inputs of a call that was answered
  boost::json::object rightParameters_;
};

}  // namespace webpool::pool
