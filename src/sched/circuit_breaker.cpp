#include "sched/circuit_breaker.h"

#include <algorithm>

#include "sched/blame.h"

namespace webpool::sched {

CircuitBreaker::CircuitBreaker(BreakerOptions options) : options_(options) {
  options_.failures = std::max(options_.failures, 1u);
  options_.successes = std::max(options_.successes, 1u);
}

CircuitBreaker::State CircuitBreaker::state(TimePoint now) const noexcept {
  const bool rested = state_ == State::Open && now - openedAt_ >= options_.openFor;
  return rested ? State::HalfOpen : state_;
}

bool CircuitBreaker::allows(TimePoint now) const noexcept {
  switch (state(now)) {
    case State::Closed:
      return true;
    case State::Open:
      return false;
    case State::HalfOpen:
      return !trialOpen_;
  }
  return false;
}

CircuitBreaker::Ticket CircuitBreaker::begin(TimePoint now) {
  if (state_ == State::Open && state(now) == State::HalfOpen) become(State::HalfOpen);
  if (state_ == State::HalfOpen) trialOpen_ = true;
  return {spell_};
}

void CircuitBreaker::succeeded(Ticket ticket) {
  if (ticket.spell != spell_) return;
  failures_ = 0;
  if (state_ != State::HalfOpen) return;
  trialOpen_ = false;
  if (++successes_ < options_.successes) return;
  become(State::Closed);
  cause_.reset();
}

void CircuitBreaker::failed(Ticket ticket, const Error& error, TimePoint now) {
  if (!blamesWorker(error.category)) return withdrawn(ticket);
  if (ticket.spell != spell_ || state_ == State::Open) return;
  if (state_ == State::Closed && ++failures_ < options_.failures) return;
  become(State::Open);
  openedAt_ = now;
  cause_ = error;
}

void CircuitBreaker::withdrawn(Ticket ticket) {
  if (ticket.spell == spell_) trialOpen_ = false;
}

std::optional<TimePoint> CircuitBreaker::trialAt() const noexcept {
  if (state_ != State::Open) return std::nullopt;
  return openedAt_ + options_.openFor;
}

void CircuitBreaker::become(State state) {
  state_ = state;
  ++spell_;
  failures_ = 0;
  successes_ = 0;
  trialOpen_ = false;
}

std::string_view breakerStateName(CircuitBreaker::State state) noexcept {
  switch (state) {
    case CircuitBreaker::State::Closed:
      return "closed";
    case CircuitBreaker::State::Open:
      return "open";
    case CircuitBreaker::State::HalfOpen:
      return "half_open";
  }
  return "closed";
}

}  // namespace webpool::sched
