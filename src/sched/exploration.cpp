#include "sched/exploration.h"

#include <algorithm>

namespace webpool::sched {

bool Exploration::isLittleKnown(const EngineChance& engine) const {
  return engine.observations < options_.enough || engine.unusedFor >= options_.stale;
}

bool Exploration::isAffordable(const ExplorationCall& call, const EngineChance& engine,
                               Duration best) const {
  if (double(engine.expected.count()) > options_.worst * double(best.count())) return false;
  // Even where it takes much longer than expected the deadline is kept.
  return !call.allowed || 2 * (engine.expected + 2 * engine.sigma) <= *call.allowed;
}

std::optional<std::size_t> Exploration::choose(const ExplorationCall& call,
                                               std::span<const EngineChance> engines) {
  ++calls_;
  if (call.priority <= 1 || engines.size() < 2) return std::nullopt;
  if (double(tries_ + 1) > options_.share * double(calls_)) return std::nullopt;
  const auto best = std::ranges::min_element(engines, {}, &EngineChance::expected)->expected;
  std::optional<std::size_t> chosen;
  for (std::size_t i = 0; i < engines.size(); ++i) {
    const auto& engine = engines[i];
    // Only what may turn out to be the better one.
    const bool promising = engine.expected - 2 * engine.sigma <= best;
    if (!isLittleKnown(engine) || !promising || !isAffordable(call, engine, best)) continue;
    if (!chosen || engine.observations < engines[*chosen].observations) chosen = i;
  }
  // The best known one is no try.
  if (!chosen || engines[*chosen].expected == best) return std::nullopt;
  ++tries_;
  return chosen;
}

}  // namespace webpool::sched
