#include "pool/worker_health.h"

#include "sched/blame.h"

namespace webpool::pool {

std::optional<WorkerHealth::Obstacle> WorkerHealth::obstacle(std::uint64_t page,
                                                             base::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  if (page_ != page || breaker_.allows(now)) return std::nullopt;
  return Obstacle{breaker_.cause(), breaker_.trialAt()};
}

WorkerHealth::Ticket WorkerHealth::began(std::uint64_t page, base::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (page_ != page) {
    breaker_ = sched::CircuitBreaker();
    health_ = sched::HealthTracker();
    page_ = page;
    runs_ = 0;
  }
  return {page, breaker_.begin(now)};
}

void WorkerHealth::succeeded(const Ticket& ticket, base::Duration latency, base::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (ticket.page != page_) return;
  breaker_.succeeded(ticket.breaker);
  health_.succeeded(latency, now);
  ++runs_;
}

bool WorkerHealth::failed(const Ticket& ticket, const Error& error, base::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (ticket.page != page_) return false;
  if (sched::blamesWorker(error.category)) health_.failed(now);
  return breaker_.failed(ticket.breaker, error, now);
}

void WorkerHealth::proofSucceeded(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  if (ticket.page == page_) breaker_.proofSucceeded(ticket.breaker);
}

void WorkerHealth::proofFailed(const Ticket& ticket, const Error& error, base::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (ticket.page == page_) breaker_.proofFailed(ticket.breaker, error, now);
}

void WorkerHealth::proofWithdrawn(const Ticket& ticket) {
  const std::lock_guard lock(mutex_);
  if (ticket.page == page_) breaker_.proofWithdrawn(ticket.breaker);
}

std::uint64_t WorkerHealth::runs(std::uint64_t page) const {
  const std::lock_guard lock(mutex_);
  return page_ == page ? runs_ : 0;
}

WorkerHealth::Speed WorkerHealth::speed(std::uint64_t page, base::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  if (page_ != page) return {};
  return {health_.score(now), health_.medianLatency()};
}

}  // namespace webpool::pool
