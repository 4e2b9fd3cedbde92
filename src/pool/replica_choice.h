// Which of the replicas that may serve gets the next run. Pure: what is measured in, choice out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/clock.h"
#include "webpool/options.h"

namespace webpool::pool {

struct Candidate {
  unsigned openRuns = 0;
  /// Of the call's run there, as predicted, else the median of its runs; none before the first.
  std::optional<base::Duration> latency{};
  /// Until its open runs are done; none: each counts as one latency.
  std::optional<base::Duration> ahead{};
  double score = 1;  ///< of its health, 0..1
  Trust trust = Trust::Launched;
  std::uint64_t runs = 0;     ///< right answers so far
  bool servedBefore = false;  ///< the conversation's last run: it has a part of the work done
};

/// The one that served the conversation before, unless it has runs of others waiting. Else the one
/// whose answer is expected first: (what is ahead + latency) / score. A replica that has
/// not run yet counts as fast as the fastest. Of equals the more trusted, then the one that has run
/// more, for which the browser has better code. The index; none for no candidates.
std::optional<std::size_t> chooseReplica(std::span<const Candidate> candidates);

/// When a call could have its answer at best, `ahead` items waiting before it and `most` in a run:
/// every worker (`full`: by its latency of such a run) in full runs, and then the call's own in
/// half the time that is the shortest for it (`own`). None where a worker was not measured yet, or
/// there is none.
std::optional<base::Duration> earliestAnswer(std::span<const Candidate> full,
                                             std::span<const Candidate> own, std::uint64_t ahead,
                                             unsigned most);

/// What was measured may have changed, and a call that is refused by it measures nothing: of eight
/// calls in a row that seem too slow even alone the last is let run. Not thread-safe.
class SlownessCheck {
 public:
  /// Of a call that would be refused.
  bool letsRun() noexcept { return ++refused_ % kOneOf == 0; }

 private:
  static constexpr unsigned kOneOf = 8;
  unsigned refused_ = 0;
};

}  // namespace webpool::pool
