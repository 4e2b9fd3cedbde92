#include "sched/circuit_breaker.h"

#include <algorithm>
#include <utility>

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
  doubts_ = 0;
  if (state_ != State::HalfOpen) return;
  trialOpen_ = false;
  if (++successes_ < options_.successes) return;
  become(State::Closed);
  cause_.reset();
}

bool CircuitBreaker::failed(Ticket ticket, const Error& error, TimePoint now) {
  if (!blamesWorker(error.category)) {
    withdrawn(ticket);
    return false;
  }
  if (ticket.spell != spell_ || state_ == State::Open) return false;
  const bool doubtful = isDoubtful(error.category);
  ++failures_;
  doubts_ += doubtful ? 1 : 0;
  if (state_ == State::Closed && failures_ < options_.failures) return false;
  const bool certain =
      state_ == State::Closed ? failures_ - doubts_ >= options_.failures : !doubtful;
  if (certain) {
    open(error, now);
    return false;
  }
  return !std::exchange(proving_, true);  // half-open it takes the place of the trial
}

void CircuitBreaker::proofSucceeded(Ticket ticket) {
  if (endProof(ticket)) succeeded(ticket);
}

void CircuitBreaker::proofFailed(Ticket ticket, const Error& error, TimePoint now) {
  if (endProof(ticket)) open(error, now);
}

void CircuitBreaker::proofWithdrawn(Ticket ticket) {
  if (endProof(ticket)) withdrawn(ticket);
}

bool CircuitBreaker::endProof(Ticket ticket) {
  return ticket.spell == spell_ && std::exchange(proving_, false);
}

void CircuitBreaker::open(const Error& error, TimePoint now) {
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
  doubts_ = 0;
  proving_ = false;
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
