// The golden gate: a model on a backend in a browser serves nobody before its answers agree with
// a reference. That is a golden answer where there is any. Else inputs are made from the signature,
// and the reference is WASM: of another engine for WASM itself, where the pool may launch one; of
// the same browser for other backends, which are compared on the first calls too; and of a browser
// of this machine for a joined device, which could say anything of its own.
#pragma once

#include <atomic>
#include <boost/json/object.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pool/agreement.h"
#include "pool/engine.h"
#include "pool/other_engine.h"

namespace webpool::pool {

/// Of one worker, for each page that it comes to. One thread at a time, except where it says
/// otherwise.
class Gate {
 public:
  Gate(std::shared_ptr<Engine> engine, std::shared_ptr<Loaded> worker, ModelOptions options);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Its answers were found right in the page that it is in. Any thread.
  bool isOpen() const { return loaded_->isResident() && openIn_ == loaded_->incarnation; }

  /// In this page or one of before. Any thread.
  bool wasOpen() const { return openIn_ != 0; }

  /// It is known to answer wrong: found now or in a run of before.
  std::optional<Error> refusal();

  /// Compares what there is to compare: without `inputs` what needs none, else also the answers to
  /// these, which are of a call. The gate may need more calls after that. WrongResult for a
  /// disagreement, now and ever after. Blocks.
  Result<void> check(const std::vector<Tensor>& inputs, const boost::json::object& parameters,
                     const std::stop_token& stop);

  /// What vouches for the answers, in the words of RanOn::checkedBy. Any thread.
  std::string checkedBy() const;

  /// Of the first run that the check made; 0 where it made none.
  double firstRunMs() const { return firstRunMs_; }

 private:
  using Inputs = std::vector<Tensor>;

  const ResolvedModel& source() const { return *loaded_->source; }
  bool isWasm() const { return loaded_->backend == Backend::Wasm; }
  bool isJoined() const { return loaded_->connection->trust() == Trust::Joined; }
  const boost::json::object& parametersOfTask() const;

  /// True: it may open. False: it needs the inputs of a call.
  Result<bool> checkGolden(const std::stop_token& stop);
  Result<bool> checkByOthers(const Inputs& inputs, const boost::json::object& parameters,
                             const std::stop_token& stop);
  /// With inputs that need no caller: samples of the task, or seeded ones.
  Result<void> checkStanding(const std::stop_token& stop);
  void makeStanding();
  /// Decides once who else is asked.
  void chooseOther();
  /// `standing`: an answer that says nothing (zeros, no numbers) is an InvalidInput.
  Result<void> compare(const Inputs& inputs, const boost::json::object& parameters, bool standing,
                       const std::stop_token& stop);
  Result<void> compareWithOther(const Inputs& inputs, const boost::json::object& parameters,
                                const std::vector<Tensor>& answer, bool standing,
                                const std::stop_token& stop);
  Result<std::vector<Tensor>> run(const Inputs& inputs, const boost::json::object& parameters,
                                  const std::stop_token& stop);
  Result<std::vector<Tensor>> runOnWasm(const Inputs& inputs, const boost::json::object& parameters,
                                        const std::stop_token& stop);
  void dropReference();
  Error startAnew();

  /// Refuses the combination where they disagree.
  Result<void> judge(const std::vector<Tensor>& answer, const std::vector<Tensor>& expected,
                     const std::string& by);
  Error wrongResult(const Agreement& agreement, const std::string& by) const;
  Combination combination() const;
  void setCheckedBy(std::string by);

  /// Calls that are compared with WASM in the same browser. One is not enough: Silero VAD answers
  /// silence right where it answers speech wrong.
  static constexpr int kComparedCalls = 3;

  std::shared_ptr<Engine> engine_;
  std::shared_ptr<Loaded> loaded_;
  ModelOptions options_;

  std::optional<Error> refused_;
  std::atomic<std::uint64_t> openIn_{0};  ///< the incarnation of the page
  double firstRunMs_ = 0;

  std::optional<std::vector<Inputs>> standing_;  ///< less those that the model did not take
  std::uint64_t standingIn_ = 0;                 ///< the incarnation that they were compared in
  std::size_t standingAgreed_ = 0;               ///< of them, in that page
  int comparisonsLeft_ = kComparedCalls;
  std::shared_ptr<Loaded> reference_;  ///< the model on WASM, while it is compared with
  bool otherChosen_ = false;
  std::unique_ptr<OtherEngine> other_;    ///< another engine, while it is still to be asked
  std::unique_ptr<OtherEngine> trusted_;  ///< for a joined device: what is compared with instead

  mutable std::mutex byMutex_;
  std::string by_;
};

}  // namespace webpool::pool
