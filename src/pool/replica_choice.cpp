#include "pool/replica_choice.h"

#include <algorithm>
#include <tuple>

namespace webpool::pool {
namespace {

constexpr double kLeastScore = 1e-3;

}  // namespace

std::optional<std::size_t> chooseReplica(std::span<const Candidate> candidates) {
  std::optional<base::Duration> fastest;
  for (const auto& candidate : candidates) {
    if (candidate.latency)
      fastest = std::min(fastest.value_or(*candidate.latency), *candidate.latency);
  }
  const auto rank = [&](const Candidate& candidate) {
    // Where nothing is measured at all, only the open runs count.
    const auto latency = candidate.latency.value_or(fastest.value_or(base::Duration(1)));
    const auto ahead = candidate.ahead.value_or(candidate.openRuns * latency);
    const double expected =
        double((ahead + latency).count()) / std::max(candidate.score, kLeastScore);
    constexpr unsigned kBusy = 2;  // one runs, and another waits
    const bool stays = candidate.servedBefore && candidate.openRuns < kBusy;
    return std::tuple(!stays, expected, candidate.trust, ~candidate.runs);
  };
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!best || rank(candidates[i]) < rank(candidates[*best])) best = i;
  }
  return best;
}

std::optional<base::Duration> earliestAnswer(std::span<const Candidate> full,
                                             std::span<const Candidate> own, std::uint64_t ahead,
                                             unsigned most) {
  double rate = 0;  // items in a unit of time
  for (const auto& candidate : full) {
    if (!candidate.latency) return std::nullopt;
    rate += double(most) / double(std::max<std::int64_t>(1, candidate.latency->count()));
  }
  std::optional<base::Duration> fastest;
  for (const auto& candidate : own) {
    if (!candidate.latency) return std::nullopt;
    fastest = std::min(fastest.value_or(*candidate.latency), *candidate.latency);
  }
  if (!fastest || rate == 0) return std::nullopt;
  return base::Duration(static_cast<std::int64_t>(double(ahead) / rate)) + *fastest / 2;
}

}  // namespace webpool::pool
