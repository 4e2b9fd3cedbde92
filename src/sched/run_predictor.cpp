#include "sched/run_predictor.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <span>

namespace webpool::sched {
namespace {

/// Runs of one size on a quiet machine vary by some per cent; less is luck.
constexpr double kLeastSigma = 0.04;
/// Mean absolute deviation to standard deviation, of a normal distribution.
constexpr double kMeanToSigma = 1.2533;
/// Runs that the first belief about the spread counts as.
constexpr double kSpreadStrength = 3;
constexpr double kUsualShare = 0.05;
/// As many runs the shape of a neighbour counts as.
constexpr double kNeighbourStrength = 4;
/// How far what a shape says that was never measured may be off, as a share.
constexpr double kShapeDoubt = 1;
/// Runs that what was known before a drift still counts as.
constexpr double kAfterDrift = 4;
/// Before that many runs nobody knows what is usual.
constexpr double kWatchFrom = 10;
/// How the saved numbers are laid out.
constexpr double kLayout = 1;
constexpr std::size_t kOwnNumbers = 6;
constexpr std::size_t kSavedNumbers = kOwnNumbers + RunFit::kNumbers + DriftWatch::kNumbers;

std::array<std::string, 5> engineOf(const RunKey& key) {
  return {key.backend, key.dtype, key.browser, key.version, key.device};
}

/// How unlike two engines are: another version is nearer than another browser.
int distance(const RunKey& a, const RunKey& b) {
  return (a.version != b.version ? 1 : 0) + (a.browser != b.browser ? 2 : 0) +
         (a.dtype != b.dtype ? 4 : 0) + (a.device != b.device ? 8 : 0) +
         (a.backend != b.backend ? 16 : 0);
}

/// The table knows browsers, not engines.
double tableRatio(std::string_view type, const RunKey& to, const RunKey& from) {
  return tableFactor(type, to.browser) / tableFactor(type, from.browser);
}

}  // namespace

double tableFactor(std::string_view modelType, std::string_view browser) noexcept {
  // "20-25% better for Whisper, CLAP" and "15-20% better for text models".
  if (modelType.starts_with("audio") && browser == "firefox") return 1 / 1.225;
  if (modelType.starts_with("text") && browser == "edge") return 1 / 1.175;
  return 1;
}

std::string describe(const Drift& drift) {
  return drift.ratio > 1 ? fmt::format("slower by {:.0f} %", 100 * (drift.ratio - 1))
                         : fmt::format("faster by {:.0f} %", 100 * (1 / drift.ratio - 1));
}

RunKeyId RunPredictor::idOf(const RunKey& key, std::string_view modelType) {
  const auto [at, isNew] = ids_.try_emplace(key, static_cast<RunKeyId>(entries_.size()));
  if (!isNew) return at->second;
  const auto engine =
      engines_.try_emplace(engineOf(key), static_cast<EngineId>(engines_.size())).first->second;
  entries_.push_back({.key = key,
                      .modelType = std::string(modelType),
                      .engine = engine,
                      .watch = DriftWatch(options_.drift)});
  guesses_.emplace_back();
  models_[{key.model, key.component}].push_back(at->second);
  return at->second;
}

double RunPredictor::sigmaOf(const Entry& entry) noexcept {
  return std::max(kLeastSigma, kMeanToSigma * entry.spread);
}

Prediction RunPredictor::predict(RunKeyId id, const RunSize& size) const {
  const auto& entry = entries_[id];
  if (entry.fit.weight() > 0) {
    const double ms = entry.fit.at(size);
    const double sigma = sigmaOf(entry);
    const double share = std::sqrt(sigma * sigma * (1 + entry.fit.leverage(size)) +
                                   kShapeDoubt * kShapeDoubt * entry.fit.guessed(size));
    return {ms, ms * share, entry.fit.weight(), Basis::OwnRuns};
  }
  const auto& guess = guessFor(id);
  const double ms =
      guess.basis == Basis::Neighbour ? timeOf(guess.terms, size) : guess.terms.front();
  return {ms, ms * guess.uncertainty, 0, guess.basis};
}

std::optional<double> RunPredictor::worthOfARun(RunKeyId id) const {
  const auto& entry = entries_[id];
  if (!settled(entry) || !(entry.usual.length > 0)) return std::nullopt;
  // Runs of one length don't tell a part for each item from one for its length: both count.
  const auto base = entry.fit.coefficients().front();
  const double rest = entry.fit.at({1, entry.usual.length}) - base;
  if (!(rest > 0)) return std::nullopt;
  return base / rest * entry.usual.length;
}

const RunPredictor::Guess& RunPredictor::guessFor(RunKeyId id) const {
  auto& guess = guesses_[id];
  if (guess.madeAt != epoch_) {
    guess = makeGuess(entries_[id]);
    guess.madeAt = epoch_;
  }
  return guess;
}

RunPredictor::Guess RunPredictor::makeGuess(const Entry& entry) const {
  const Entry* best = nullptr;
  for (const auto id : models_.at({entry.key.model, entry.key.component})) {
    const auto& other = entries_[id];
    if (!settled(other)) continue;
    if (!best || distance(entry.key, other.key) < distance(entry.key, best->key)) best = &other;
  }
  if (best) return fromNeighbour(entry, *best);
  const double factor = tableFactor(entry.modelType, entry.key.browser);
  return {.terms = {options_.unknownMs * factor, 0, 0},
          .uncertainty = 1,
          .basis = factor != 1 ? Basis::Table : Basis::Nothing};
}

RunPredictor::Guess RunPredictor::fromNeighbour(const Entry& entry, const Entry& neighbour) const {
  // How the two engines compare on other models that ran on both; those of one type say more. The
  // table counts as one of them.
  double sum = std::log(tableRatio(entry.modelType, entry.key, neighbour.key));
  double squares = sum * sum;
  double weights = 1;
  double models = 0;
  for (const auto& [name, ids] : models_) {
    const Entry* here = nullptr;
    const Entry* there = nullptr;
    for (const auto id : ids) {
      const auto& other = entries_[id];
      if (other.engine == entry.engine && settled(other)) here = &other;
      if (other.engine == neighbour.engine && settled(other)) there = &other;
    }
    if (!here || !there) continue;
    const double ratio = std::log(here->fit.at(there->usual) / there->fit.at(there->usual));
    if (!std::isfinite(ratio)) continue;
    const double weight = here->modelType == entry.modelType ? 1 : 0.25;
    sum += weight * ratio;
    squares += weight * ratio * ratio;
    weights += weight;
    models += 1;
  }
  const double mean = sum / weights;
  Guess guess{.terms = neighbour.fit.coefficients(), .basis = Basis::Neighbour};
  for (auto& value : guess.terms) value *= std::exp(mean);
  const bool sameButVersion = distance(entry.key, neighbour.key) <= 1;
  const double doubt = sameButVersion ? 0.15 : 0.5 / std::sqrt(1 + models);
  const double variance = std::max(0.0, squares / weights - mean * mean);
  guess.uncertainty = std::sqrt(variance + doubt * doubt + sigmaOf(neighbour) * sigmaOf(neighbour));
  return guess;
}

std::optional<Drift> RunPredictor::observe(RunKeyId id, const RunSize& size, double ms) {
  if (!std::isfinite(ms) || ms <= 0 || !std::isfinite(size.items) || !std::isfinite(size.length))
    return std::nullopt;
  auto& entry = entries_[id];
  if (entry.fit.weight() == 0) {
    const auto& guess = guessFor(id);
    if (guess.basis == Basis::Neighbour) entry.fit.setPrior(guess.terms, kNeighbourStrength);
    entry.spread = std::min(0.4, guess.uncertainty) / kMeanToSigma;
    entry.usual = size;
  }
  std::optional<Drift> drift;
  double weight = 1;
  if (entry.fit.weight() > 0) {
    const double known = std::max(entry.fit.at(size), 1e-6);
    const double sigma = sigmaOf(entry);
    const double logRatio = std::log(ms / known);
    const double off = std::abs(logRatio);
    // Huber's weight: what is far off counts as if it were at the border.
    if (entry.count >= kWatchFrom && off > options_.outlier * sigma)
      weight = options_.outlier * sigma / off;
    const double share = std::max(1 - options_.keep, 1 / (entry.count + kSpreadStrength));
    entry.spread += share * (std::min(off, 1.5 * options_.outlier * sigma) - entry.spread);
    if (entry.count >= kWatchFrom) {
      if (const auto ratio = entry.watch.add(logRatio, sigma)) drift = Drift{id, *ratio};
    }
  }
  if (drift) {
    entry.fit.rescale(drift->ratio, kAfterDrift);
    entry.count = kAfterDrift;
    ++entry.drifts;
    ++epoch_;
  }
  entry.fit.add(size, ms, weight, options_.keep);
  entry.count += 1;
  const double share = std::max(kUsualShare, 1 / entry.count);
  entry.usual.items += share * (size.items - entry.usual.items);
  entry.usual.length += share * (size.length - entry.usual.length);
  // What is said of its neighbours changes much at first and little later.
  const auto runs = static_cast<std::uint64_t>(entry.count);
  if (runs >= 8 && runs <= 1024 && std::has_single_bit(runs)) ++epoch_;
  return drift;
}

std::vector<SavedRuns> RunPredictor::save() const {
  std::vector<SavedRuns> all;
  for (const auto& entry : entries_) {
    if (entry.fit.weight() == 0) continue;
    SavedRuns saved{entry.key,
                    entry.modelType,
                    {kLayout, entry.spread, entry.count, entry.usual.items, entry.usual.length,
                     double(entry.drifts)}};
    std::ranges::copy(entry.fit.numbers(), std::back_inserter(saved.numbers));
    std::ranges::copy(entry.watch.numbers(), std::back_inserter(saved.numbers));
    all.push_back(std::move(saved));
  }
  return all;
}

Result<void> RunPredictor::restore(const SavedRuns& saved) {
  const std::span numbers(saved.numbers);
  const bool sound =
      numbers.size() == kSavedNumbers && numbers[0] == kLayout &&
      std::ranges::all_of(numbers, [](double n) { return std::isfinite(n); }) &&
      std::ranges::all_of(numbers.first(kOwnNumbers), [](double n) { return n >= 0; });
  RunFit fit;
  if (!sound || !fit.restore(numbers.subspan<kOwnNumbers, RunFit::kNumbers>())) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("what is kept of the runs of {} can't be read", saved.key.model),
                "it is learned anew");
  }
  auto& entry = entries_[idOf(saved.key, saved.modelType)];
  entry.fit = fit;
  entry.watch.restore(numbers.last<DriftWatch::kNumbers>());
  entry.spread = numbers[1];
  entry.count = numbers[2];
  entry.usual = {numbers[3], numbers[4]};
  entry.drifts = static_cast<std::uint64_t>(numbers[5]);
  ++epoch_;
  return {};
}

}  // namespace webpool::sched
