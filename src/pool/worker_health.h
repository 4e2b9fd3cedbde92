// How well a worker does in the page that it is in: a breaker that keeps work away after too many
// failures in a row, and what is measured for the choice among those that may serve.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "sched/circuit_breaker.h"
#include "sched/health_score.h"

namespace webpool::pool {

/// Thread-safe.
class WorkerHealth {
 public:
  struct Ticket {
    std::uint64_t page = 0;
    sched::CircuitBreaker::Ticket breaker;
  };
  struct Obstacle {
    std::optional<Error> cause;  ///< of the last failure
    std::optional<base::TimePoint> trialAt;
  };
  struct Speed {
    double score = 1;                         ///< health_score.h: 0..1
    std::optional<base::Duration> latency{};  ///< median; none before the first answer
  };

  /// A page that is new has failed at nothing: `page` numbers it (Connection::incarnation()).
  std::optional<Obstacle> obstacle(std::uint64_t page, base::TimePoint now) const;
  Ticket began(std::uint64_t page, base::TimePoint now);
  void succeeded(const Ticket& ticket, base::Duration latency, base::TimePoint now);
  /// True: known inputs are to be run, and one of the next three told of them with that ticket.
  bool failed(const Ticket& ticket, const Error& error, base::TimePoint now);
  void proofSucceeded(const Ticket& ticket);
  void proofFailed(const Ticket& ticket, const Error& error, base::TimePoint now);
  void proofWithdrawn(const Ticket& ticket);

  /// Right answers in that page.
  std::uint64_t runs(std::uint64_t page) const;
  Speed speed(std::uint64_t page, base::TimePoint now) const;

 private:
  mutable std::mutex mutex_;
  std::uint64_t page_ = 0;
  sched::CircuitBreaker breaker_;
  sched::HealthTracker health_;
  std::uint64_t runs_ = 0;
};

}  // namespace webpool::pool
