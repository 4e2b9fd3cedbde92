// How long runs take, learned from those that were and kept between runs of the program, so that
// placement knows from the first call on (sched/run_predictor.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pool/combination.h"
#include "sched/run_predictor.h"
#include "webpool/result.h"

namespace webpool::pool {

/// What a run is predicted by. `device`: a joined one's label, which means nothing another day.
sched::RunKey runKey(const ModelDescription& model, const RanOn& ranOn);

/// Thread-safe.
class RunTimes {
 public:
  /// Runs of a page that are left out: its browser has no good code for the model yet.
  static constexpr std::uint64_t kWarmUpRuns = 2;

  /// A JSON file (combination.h); one that can't be read counts as empty.
  explicit RunTimes(std::filesystem::path file);

  sched::Prediction predict(const sched::RunKey& key, std::string_view task,
                            const sched::RunSize& size);
  /// sched::RunPredictor::worthOfARun
  std::optional<double> worthOfARun(const sched::RunKey& key, std::string_view task);
  /// The shortest that was learned of the model in that browser, whatever its version, on that
  /// backend (Auto: on any). None where too few runs were seen.
  std::optional<double> shortest(const ModelDescription& model, std::string_view browser,
                                 Backend backend) const;
  /// What a run takes in each of several dtypes of one model: the shortest that was learned in any
  /// of those browsers, on that backend, all at one size, the least of what they are used with.
  /// None where too few runs were seen.
  std::vector<std::optional<double>> compare(std::span<const ModelDescription> dtypes,
                                             const std::vector<std::string>& browsers,
                                             Backend backend) const;
  /// Says when runs have become slower or faster than they were.
  std::optional<sched::Drift> observe(const sched::RunKey& key, std::string_view task,
                                      const sched::RunSize& size, double milliseconds);

  /// Of engines that will be there again. Storage when the file can't be written; does nothing
  /// where nothing was learned since.
  Result<void> save();

 private:
  /// The runs of the model that are enough to go by. mutex_ is held.
  std::vector<sched::RunKeyId> known(const ModelDescription& model,
                                     const std::vector<std::string>& browsers,
                                     Backend backend) const;

  std::filesystem::path file_;
  mutable std::mutex mutex_;
  sched::RunPredictor predictor_;
  bool changed_ = false;
};

}  // namespace webpool::pool
