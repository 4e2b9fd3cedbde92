// Keeps work away from a (worker, model, backend) that fails again and again, and lets it back in
// carefully: one breaker for each of these. Failures that may be the inputs' (blame.h) open it only
// once known inputs have failed there too: else one caller's bad inputs would take the worker from
// all.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "webpool/error.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

struct BreakerOptions {
  unsigned failures = 5;  ///< in a row that open it; at least 1
  Duration openFor = std::chrono::seconds(30);
  unsigned successes = 3;  ///< of trials in a row that close it; at least 1
};

/// Not thread-safe. Every begin() is followed by exactly one succeeded(), failed() or withdrawn(),
/// and every failed() that asks for a proof by one of the three of a proof.
class CircuitBreaker {
 public:
  enum class State { Closed, Open, HalfOpen };

  /// Names the spell in which a job began. What a job of an earlier spell reports changes nothing.
  struct Ticket {
    std::uint64_t spell = 0;
  };

  explicit CircuitBreaker(BreakerOptions options = {});

  /// Whether a job may be sent there now. Half-open: one trial at a time. Changes nothing.
  bool allows(TimePoint now) const noexcept;

  /// A job is sent there. Call it only where allows() said so.
  Ticket begin(TimePoint now);
  void succeeded(Ticket ticket);
  /// Counts only what blames the worker (blame.h); anything else is as withdrawn(). True: a proof
  /// is asked for. Run known inputs, and tell what became of them with the same ticket; until then
  /// work is let through as before.
  bool failed(Ticket ticket, const Error& error, TimePoint now);
  /// The job ended without a verdict: cancelled, or handed back.
  void withdrawn(Ticket ticket);

  /// Known inputs were answered right: the failures were the inputs', and the count starts anew.
  void proofSucceeded(Ticket ticket);
  /// They failed too.
  void proofFailed(Ticket ticket, const Error& error, TimePoint now);
  /// It ended without a verdict: the next failure asks for another.
  void proofWithdrawn(Ticket ticket);

  /// Half-open from the moment that openFor has passed.
  State state(TimePoint now) const noexcept;
  /// The failure that opened it; none while closed.
  const std::optional<Error>& cause() const noexcept { return cause_; }
  /// When it lets a trial through; none unless it is open.
  std::optional<TimePoint> trialAt() const noexcept;

 private:
  void become(State state);
  void open(const Error& error, TimePoint now);
  /// False for a proof of an earlier spell.
  bool endProof(Ticket ticket);

  BreakerOptions options_;
  State state_ = State::Closed;
  std::uint64_t spell_ = 0;
  unsigned failures_ = 0;
  unsigned doubts_ = 0;  ///< of the failures, those that may be the inputs'
  bool proving_ = false;
  unsigned successes_ = 0;
  bool trialOpen_ = false;
  TimePoint openedAt_{};
  std::optional<Error> cause_;
};

/// "closed", "open", "half_open"
std::string_view breakerStateName(CircuitBreaker::State state) noexcept;

}  // namespace webpool::sched
