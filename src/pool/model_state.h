// What a Model handle shares: brings the model back where it was lost, and lets no backend serve
// before its answers agree with the reference.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "pool/agreement.h"
#include "pool/engine.h"
#include "webpool/model.h"

namespace webpool {

struct Model::State : std::enable_shared_from_this<Model::State> {
  State(std::shared_ptr<pool::Engine> owner, std::shared_ptr<pool::Loaded> model,
        ModelOptions chosen);
  ~State();

  /// Loads the model onto the page where it is not there. Blocks.
  Result<void> ensureLoaded(const std::stop_token& stop);

  /// Compares answers with the catalogue's golden ones, once; where none are known, with WASM in
  /// the same browser on the first few `inputs`. WrongResult for a disagreement, now and ever
  /// after. Blocks.
  Result<void> ensureChecked(const std::vector<Tensor>& inputs,
                             const boost::json::object& parameters, const std::stop_token& stop);

  /// Sees to both of the above, on a thread of its own where they take time, then runs.
  void run(std::vector<Tensor> inputs, boost::json::object parameters, const RunOptions& options,
           std::function<void(Result<Inference>)> done);

  std::shared_ptr<pool::Engine> engine;
  std::shared_ptr<pool::Loaded> loaded;
  ModelOptions options;
  ModelInfo info;  ///< complete after the first load; then constant

 private:
  Error wrongResult(const pool::Agreement& agreement, const char* by) const;
  /// Refuses the backend where they disagree.
  Result<void> judge(const std::vector<Tensor>& answer, const std::vector<Tensor>& expected,
                     const char* by);
  Result<std::vector<Tensor>> reference(const std::vector<Tensor>& inputs,
                                        const boost::json::object& parameters,
                                        const std::stop_token& stop);
  void send(std::vector<Tensor> inputs, boost::json::object parameters, const RunOptions& options,
            base::TimePoint began, std::function<void(Result<Inference>)> done);

  Result<void> compareWithWasm(const std::vector<Tensor>& inputs,
                               const boost::json::object& parameters, const std::stop_token& stop);
  void dropReference();

  /// Calls that are compared with WASM where no golden answer is known. One is not enough: Silero
  /// VAD answers silence right where it answers speech wrong.
  static constexpr int kComparedCalls = 3;

  std::mutex mutex_;  ///< one load or check at a time
  int comparisonsLeft_ = kComparedCalls;
  std::shared_ptr<pool::Loaded> reference_;  ///< the model on WASM, while it is compared with
  std::atomic<bool> checked_{false};
  std::optional<Error> refused_;
};

}  // namespace webpool
