// Lets a few calls try an engine of which little is known: without that, the one that happened to
// be first would stay the best known one. Never at the cost of somebody who waits. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/clock.h"

namespace webpool::sched {

using base::Duration;

struct ExplorationOptions {
  double share = 0.02;  ///< of the calls, at most
  double enough = 8;    ///< runs after which an engine is known
  /// One that was not used for so long is tried again: engines and machines change.
  Duration stale = std::chrono::minutes(10);
  double worst =
      4;  ///< times the best expected completion; what is expected to be worse is not tried
};

/// What is known of an engine for the call.
struct EngineChance {
  Duration expected{};      ///< completion there: queue ahead, load, run and risk
  Duration sigma{};         ///< of the run
  double observations = 0;  ///< runs of this model there
  Duration unusedFor{};
};

struct ExplorationCall {
  unsigned priority = 2;            ///< 1 is interactive, and never tries anything
  std::optional<Duration> allowed;  ///< until its deadline; none: it has none
};

/// One for each model. Not thread-safe.
class Exploration {
 public:
  explicit Exploration(ExplorationOptions options = {}) : options_(options) {}

  /// Which of the engines is tried by this call; none: the best known one gets it. Every call of
  /// the model is told, so that the share can be kept.
  std::optional<std::size_t> choose(const ExplorationCall& call,
                                    std::span<const EngineChance> engines);

  std::uint64_t calls() const noexcept { return calls_; }
  std::uint64_t tries() const noexcept { return tries_; }

 private:
  bool isLittleKnown(const EngineChance& engine) const;
  bool isAffordable(const ExplorationCall& call, const EngineChance& engine, Duration best) const;

  ExplorationOptions options_;
  std::uint64_t calls_ = 0;
  std::uint64_t tries_ = 0;
};

}  // namespace webpool::sched
