// How long a run will take, learned from the runs that were: for each model on each engine, by how
// many items it has and how long they are padded. What was never run there is guessed from its
// neighbours. Pure: no clock; the caller leaves out warm-up runs, failures and cancelled ones.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sched/drift_watch.h"
#include "sched/run_fit.h"
#include "webpool/error.h"

namespace webpool::sched {

/// What runs are alike.
struct RunKey {
  std::string model;
  std::string component{};  ///< of a model of several graphs
  std::string backend{};    ///< "webgpu", "webnn", "wasm"
  std::string dtype{};
  std::string browser{};  ///< "chromium"
  std::string version{};
  std::string device{};  ///< the machine, or its adapter

  friend auto operator<=>(const RunKey&, const RunKey&) = default;
};

/// A key's place in one predictor, from 0 on.
using RunKeyId = std::uint32_t;

enum class Basis { Nothing, Table, Neighbour, OwnRuns };

struct Prediction {
  double ms = 0;
  double sigma = 0;         ///< standard deviation of a run, with what the fit does not know
  double observations = 0;  ///< runs that it stands on, older ones counting less
  Basis basis = Basis::Nothing;
};

/// Runs of a key take `ratio` times as long as before.
struct Drift {
  RunKeyId key = 0;
  double ratio = 1;
};

/// "slower by 35 %"
std::string describe(const Drift& drift);

struct PredictorOptions {
  double keep = 0.99;      ///< what the past weighs after each run: 0.99 remembers some 100
  double outlier = 3;      ///< standard deviations beyond which a run counts less
  double settled = 8;      ///< runs from which on a key may speak for its neighbours
  double unknownMs = 100;  ///< said where nothing is known at all, with as much uncertainty
  DriftOptions drift{};
};

/// How long models of a type take in a browser by the table of the project's first description, as
/// a share of what they take in Chrome: 1 where it says nothing. What is measured overrules it.
double tableFactor(std::string_view modelType, std::string_view browser) noexcept;

/// What a key has learned, as plain numbers in an order that stays.
struct SavedRuns {
  RunKey key;
  std::string modelType;
  std::vector<double> numbers;
};

/// Not thread-safe.
class RunPredictor {
 public:
  explicit RunPredictor(PredictorOptions options = {}) : options_(options) {}

  /// The same for the same key. `modelType` ("audio", "vision", "text", …) is only used for what is
  /// not known yet.
  RunKeyId idOf(const RunKey& key, std::string_view modelType = {});
  const RunKey& keyOf(RunKeyId id) const { return entries_[id].key; }
  std::size_t size() const noexcept { return entries_.size(); }

  Prediction predict(RunKeyId id, const RunSize& size) const;
  /// Items times length that take as long as what a run costs whatever is in it. None before the
  /// key is settled, or where length is nothing that runs were told apart by.
  std::optional<double> worthOfARun(RunKeyId id) const;
  /// A run of that size took so long. What is no time changes nothing. Says when a drift is
  /// noticed; from then on the earlier runs count little.
  std::optional<Drift> observe(RunKeyId id, const RunSize& size, double ms);

  /// Mean of the sizes that ran.
  const RunSize& usualOf(RunKeyId id) const { return entries_[id].usual; }

  /// Drifts noticed so far.
  std::uint64_t drifts(RunKeyId id) const { return entries_[id].drifts; }

  std::vector<SavedRuns> save() const;
  /// Puts it in the place of what is known of that key. InvalidArgument where the numbers were not
  /// made by save().
  Result<void> restore(const SavedRuns& saved);

 private:
  /// Everything of a key but the model: what an engine is.
  using EngineId = std::uint32_t;
  struct Entry {
    RunKey key;
    std::string modelType;
    EngineId engine = 0;
    RunFit fit{};
    DriftWatch watch{};
    double spread = 0;  ///< mean of how far runs are off, as a share
    double count = 0;   ///< runs, since the last drift
    RunSize usual{};    ///< mean of the sizes
    std::uint64_t drifts = 0;
  };
  /// For a key without runs.
  struct Guess {
    RunTerms terms{};
    double uncertainty = 1;  ///< standard deviation as a share
    Basis basis = Basis::Nothing;
    std::uint64_t madeAt = 0;  ///< epoch_
  };

  const Guess& guessFor(RunKeyId id) const;
  Guess makeGuess(const Entry& entry) const;
  Guess fromNeighbour(const Entry& entry, const Entry& neighbour) const;
  bool settled(const Entry& entry) const { return entry.fit.weight() >= options_.settled; }
  static double sigmaOf(const Entry& entry) noexcept;

  PredictorOptions options_;
  std::vector<Entry> entries_;
  std::map<RunKey, RunKeyId> ids_;
  std::map<std::pair<std::string, std::string>, std::vector<RunKeyId>> models_;
  std::map<std::array<std::string, 5>, EngineId> engines_;
  /// Changes where a guess may have become a better one.
  std::uint64_t epoch_ = 1;
  mutable std::vector<Guess> guesses_;
};

}  // namespace webpool::sched
