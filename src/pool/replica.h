// A model in one worker, brought back where it was lost, that serves nobody before its answers
// agree with the reference.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "pool/agreement.h"
#include "pool/engine.h"
#include "sched/circuit_breaker.h"
#include "webpool/model.h"

namespace webpool::pool {

/// Thread-safe. Destroying it unloads the model.
class Replica {
 public:
  Replica(std::shared_ptr<Engine> engine, std::shared_ptr<Loaded> worker, ModelOptions options);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// Loads the model onto the page where it is not there. WrongResult where it is known to answer
  /// wrong in this browser. Blocks.
  Result<void> ensureLoaded(const ProgressCallback& progress, const std::stop_token& stop);

  /// Compares answers with the catalogue's golden ones, once in each page that the model comes to;
  /// where none are known, with WASM in the same browser on the first few `inputs`. WrongResult for
  /// a disagreement, now and ever after. Blocks.
  Result<void> ensureChecked(const std::vector<Tensor>& inputs,
                             const boost::json::object& parameters, const std::stop_token& stop);

  /// Runs until the browser has its best code for the model, or `stop`. WASM needs some 25 runs;
  /// nothing happens where nothing is known that the model could be run on. Blocks.
  void warmUp(const std::vector<Tensor>& sample, const boost::json::object& parameters,
              const std::stop_token& stop);

  /// It may serve at once.
  bool isServing() const { return loaded_->isResident() && checkedIn_ == loaded_->incarnation; }

  const std::shared_ptr<Loaded>& worker() const { return loaded_; }
  /// Constant once it was loaded.
  const RanOn& ranOn() const { return ranOn_; }
  /// Of the first load; constant once it was checked.
  const LoadTimings& timings() const { return timings_; }

  std::atomic<unsigned> openRuns{0};  ///< for the choice among replicas

  /// Of the page that it is in: right answers so far.
  std::uint64_t runs() const;

  // Too many failures in a row keep work away for a while (sched/circuit_breaker.h).

  /// None where a run may be sent; else what stands in the way.
  std::optional<Error> obstacle() const;
  sched::CircuitBreaker::Ticket runBegan();
  /// `error`: null for a right answer. Call it once for each runBegan().
  void runEnded(sched::CircuitBreaker::Ticket ticket, const Error* error);

 private:
  const ModelDescription& description() const { return loaded_->source->description; }
  Error wrongResult(const Agreement& agreement, const char* by) const;
  Combination combination() const;
  /// Known to answer wrong from before. Locks nothing.
  std::optional<Error> knownRefusal() const;
  /// Refuses the backend where they disagree.
  Result<void> judge(const std::vector<Tensor>& answer, const std::vector<Tensor>& expected,
                     const char* by);
  Result<std::vector<Tensor>> reference(const std::vector<Tensor>& inputs,
                                        const boost::json::object& parameters,
                                        const std::stop_token& stop);
  Result<void> compareWithWasm(const std::vector<Tensor>& inputs,
                               const boost::json::object& parameters, const std::stop_token& stop);
  void dropReference();

  /// Calls that are compared with WASM where no golden answer is known. One is not enough: Silero
  /// VAD answers silence right where it answers speech wrong.
  static constexpr int kComparedCalls = 3;

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<Loaded> loaded_;
  ModelOptions options_;

  std::mutex mutex_;  ///< one load or check at a time
  bool loadedOnce_ = false;
  RanOn ranOn_;
  LoadTimings timings_;
  int comparisonsLeft_ = kComparedCalls;
  std::shared_ptr<Loaded> reference_;        ///< the model on WASM, while it is compared with
  std::atomic<std::uint64_t> checkedIn_{0};  ///< the incarnation of the page
  std::optional<Error> refused_;

  mutable std::mutex breakerMutex_;  ///< for what follows
  sched::CircuitBreaker breaker_;    ///< of this incarnation
  std::uint64_t breakerOf_ = 0;
  std::uint64_t runs_ = 0;
};

}  // namespace webpool::pool
