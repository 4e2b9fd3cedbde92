#include "sched/connection_life.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sched/blame.h"

namespace webpool::sched {
namespace {

Error lost(std::string message) {
  return {ErrorCategory::WorkerLost, std::move(message),
          "the same call can succeed on another browser or after a new start"};
}

/// No new attempt can help.
bool isHopeless(ErrorCategory category) {
  return category == ErrorCategory::BrowserNotFound || category == ErrorCategory::InvalidArgument ||
         category == ErrorCategory::Unsupported;
}

/// Whether the next launch waits: the others are wishes and wear.
bool isFault(LifeReason reason) {
  return reason != LifeReason::Asked && reason != LifeReason::TooOld &&
         reason != LifeReason::TooManyJobs && reason != LifeReason::MemoryGrown;
}

bool isFlip(const Transition& change) {
  return (change.from == LifeState::Ready && change.to == LifeState::Busy) ||
         (change.from == LifeState::Busy && change.to == LifeState::Ready);
}

}  // namespace

ConnectionLife::ConnectionLife(const LifeOptions& options, TimePoint now)
    : options_(options), backOff_(options_.backOff) {
  if (options_.joined) {
    incarnation_ = 1;
    state_ = LifeState::Probing;
    deadline_ = now + options_.launchTimeout;
  } else {
    launch(now);
  }
}

void ConnectionLife::become(LifeState to, LifeReason reason, TimePoint now, std::string detail) {
  Transition change{state_, to, reason, now, std::move(detail)};
  state_ = to;
  if (!isFlip(change)) {
    history_.push_back(change);
    if (history_.size() > options_.history) history_.pop_front();
  }
  actions_.emplace_back(std::move(change));
}

void ConnectionLife::launch(TimePoint now) {
  relaunchAt_.reset();
  deadline_ = now + options_.launchTimeout;
  actions_.emplace_back(Launch{++incarnation_});
}

void ConnectionLife::launchBegan(TimePoint now) {
  if (state_ == LifeState::Starting) become(LifeState::Probing, LifeReason::LaunchBegan, now);
}

void ConnectionLife::launchFailed(const Error& error, TimePoint now) {
  if (state_ == LifeState::Recycling) return stopped(now);
  if (state_ != LifeState::Starting && state_ != LifeState::Probing) return;
  leavingByFault_ = true;
  gone(LifeReason::LaunchFailed, error, now);
}

void ConnectionLife::pageReady(TimePoint now) {
  // The page can be there before launching it has returned.
  if (state_ != LifeState::Starting && state_ != LifeState::Probing) return;
  readyAt_ = idleSince_ = now;
  become(LifeState::Gated, LifeReason::PageReady, now);
}

void ConnectionLife::gatePassed(TimePoint now) {
  if (state_ == LifeState::Gated) proved(LifeReason::GatePassed, now);
}

void ConnectionLife::proved(LifeReason reason, TimePoint now) {
  provedAt_ = now;
  become(jobs_.empty() ? LifeState::Ready : LifeState::Busy, reason, now);
}

void ConnectionLife::gateFailed(const Error& error, TimePoint now) {
  if (!isUp()) return;
  // A wrong answer is the model's on this backend: a new process would answer the same.
  if (error.category == ErrorCategory::WrongResult) return;
  // Its inputs are known, so that nothing is doubtful.
  if (blamesWorker(error.category)) ++usage_.consecutiveErrors;
  applyPolicy(now);
}

bool ConnectionLife::jobBegan(JobId job, TimePoint now) {
  if (!isUp() || !jobs_.insert(job).second) return false;
  if (state_ == LifeState::Ready) become(LifeState::Busy, LifeReason::JobBegan, now);
  return true;
}

void ConnectionLife::jobEnded(JobId job, std::optional<ErrorCategory> error, TimePoint now) {
  if (jobs_.erase(job) == 0) {
    ++lateEnds_;
    return;
  }
  ++usage_.jobs;
  count(error);
  if (jobs_.empty()) idleSince_ = now;
  if (state_ == LifeState::Draining) {
    if (jobs_.empty()) stop(LifeReason::Drained, {}, now);
    return;
  }
  if (state_ == LifeState::Busy && jobs_.empty()) {
    become(LifeState::Ready, LifeReason::JobsEnded, now);
  }
  applyPolicy(now);
}

void ConnectionLife::count(std::optional<ErrorCategory> error) {
  if (!error) {
    usage_.consecutiveErrors = 0;
    usage_.doubtfulErrors = 0;
  } else if (isDoubtful(*error)) {
    ++usage_.doubtfulErrors;
  } else if (blamesWorker(*error)) {
    ++usage_.consecutiveErrors;
  }
}

void ConnectionLife::healthChecked(bool ok, TimePoint now) {
  if (!checkDeadline_ || !isUp()) return;
  checkDeadline_.reset();
  if (!ok) return drain(LifeReason::HealthFailed, "a tiny inference failed", now);
  usage_.doubtfulErrors = 0;
  idleSince_ = now;
  if (state_ == LifeState::Gated) proved(LifeReason::HealthPassed, now);
}

void ConnectionLife::knownInputsFailed(const Error& error, TimePoint now) {
  if (!isUp()) return;
  drain(LifeReason::Errors, fmt::format("known inputs fail, too: {}", error.message), now);
}

void ConnectionLife::heartbeatLost(TimePoint now) {
  if (state_ != LifeState::Probing && state_ != LifeState::Draining && !isUp()) return;
  const std::string why = "the page sends no sign of life";
  leavingFor_ = LifeReason::HeartbeatLost;
  leavingByFault_ = true;
  leavingCause_ = lost(why);
  giveBack(true, why);
  stop(LifeReason::HeartbeatLost, {}, now);
}

void ConnectionLife::deviceLost(TimePoint now) {
  if (!isUp()) return;
  ++usage_.deviceLosses;
  applyPolicy(now);
}

void ConnectionLife::processEnded(const std::string& how, TimePoint now) {
  if (state_ == LifeState::Dead) return;
  if (state_ == LifeState::Recycling) return stopped(now);
  leavingByFault_ = true;
  gone(LifeReason::ProcessEnded, lost(how), now);
}

void ConnectionLife::memorySampled(MemorySample sample, TimePoint now) {
  if (!isUp() || !provedAt_) return;
  if (!usage_.baseline) usage_.baseline = sample;
  usage_.memory = sample;
  applyPolicy(now);
}

void ConnectionLife::drained(TimePoint now) {
  if (state_ != LifeState::Draining) return;
  giveBack(false, "the page did not get this job before it was drained");
  stop(LifeReason::Drained, {}, now);
}

void ConnectionLife::stopped(TimePoint now) {
  if (state_ == LifeState::Recycling) gone(LifeReason::Stopped, leavingCause_, now);
}

void ConnectionLife::recycleAsked(const std::string& why, TimePoint now) {
  if (isUp()) return drain(LifeReason::Asked, why, now);
  if (state_ != LifeState::Starting && state_ != LifeState::Probing) return;
  leavingFor_ = LifeReason::Asked;
  leavingByFault_ = false;
  stop(LifeReason::Asked, why, now);
}

void ConnectionLife::endAsked(TimePoint now) {
  if (std::exchange(endAsked_, true)) return;
  if (state_ == LifeState::Dead) return end(std::nullopt);
  if (isUp()) return drain(LifeReason::EndAsked, {}, now);
  if (state_ == LifeState::Starting || state_ == LifeState::Probing) {
    stop(LifeReason::EndAsked, {}, now);
  }
}

void ConnectionLife::applyPolicy(TimePoint now) {
  if (!isUp()) return;
  usage_.age = now - readyAt_;
  if (auto cause = recycleCause(options_.recycle, usage_)) {
    return drain(cause->reason, std::move(cause->detail), now);
  }
  doubt(now);
}

/// Failures that may be the inputs' take a browser from nobody before it has failed by itself.
void ConnectionLife::doubt(TimePoint now) {
  const auto& most = options_.recycle.maxConsecutiveErrors;
  if (!most || usage_.doubtfulErrors == 0 || checkDeadline_) return;
  if (usage_.consecutiveErrors + usage_.doubtfulErrors < *most) return;
  checkHealth(now);
}

void ConnectionLife::checkHealth(TimePoint now) {
  checkDeadline_ = now + options_.healthTimeout;
  actions_.emplace_back(CheckHealth{});
}

void ConnectionLife::drain(LifeReason reason, std::string detail, TimePoint now) {
  checkDeadline_.reset();
  leavingFor_ = reason;
  // What wears out before it was of any use would only be launched over and over.
  leavingByFault_ = isFault(reason) || (reason != LifeReason::Asked && !isStable(now));
  leavingCause_ = lost(fmt::format("the browser was taken out of service: {}",
                                   detail.empty() ? lifeReasonName(reason) : detail));
  become(LifeState::Draining, reason, now, std::move(detail));
  if (jobs_.empty()) return stop(LifeReason::Drained, {}, now);
  deadline_ = now + options_.drainTimeout;
  actions_.emplace_back(Drain{deadline_});
}

void ConnectionLife::stop(LifeReason reason, std::string detail, TimePoint now) {
  checkDeadline_.reset();
  become(LifeState::Recycling, reason, now, std::move(detail));
  deadline_ = now + options_.stopTimeout;
  actions_.emplace_back(Stop{});
}

void ConnectionLife::giveBack(bool died, const std::string& why) {
  if (jobs_.empty()) return;
  GiveBackJobs action{{jobs_.begin(), jobs_.end()}, died, lost(why)};
  jobs_.clear();
  actions_.emplace_back(std::move(action));
}

void ConnectionLife::gone(LifeReason reason, Error cause, TimePoint now) {
  giveBack(true, cause.message);
  const bool wasRecycled = state_ == LifeState::Recycling;
  const bool byFault = std::exchange(leavingByFault_, false);
  if (isStable(now)) backOff_.reset();
  forgetIncarnation();
  if (endAsked_ || options_.joined || (byFault && isHopeless(cause.category))) {
    become(LifeState::Dead, reason, now, cause.message);
    return end(endAsked_ ? std::nullopt : std::optional(std::move(cause)));
  }
  if (!byFault) {
    become(LifeState::Starting, reason, now);
    actions_.emplace_back(Recycled{leavingFor_});
    return launch(now);
  }
  const auto wait = backOff_.failed();
  become(LifeState::Dead, reason, now, cause.message);
  if (options_.maxFailures && backOff_.failures() >= *options_.maxFailures) {
    return end(std::move(cause));
  }
  if (wasRecycled) actions_.emplace_back(Recycled{leavingFor_});
  relaunchAt_ = now + wait;
  actions_.emplace_back(RelaunchAt{*relaunchAt_});
}

void ConnectionLife::end(std::optional<Error> cause) {
  if (std::exchange(ended_, true)) return;
  relaunchAt_.reset();
  actions_.emplace_back(Ended{std::move(cause)});
}

void ConnectionLife::forgetIncarnation() {
  provedAt_.reset();
  checkDeadline_.reset();
  usage_ = {};
}

bool ConnectionLife::isStable(TimePoint now) const {
  return provedAt_ && now - *provedAt_ >= options_.stableAfter;
}

void ConnectionLife::tick(TimePoint now) {
  switch (state_) {
    case LifeState::Starting:
    case LifeState::Probing: {
      if (now < deadline_) return;
      const auto seconds =
          std::chrono::duration_cast<std::chrono::seconds>(options_.launchTimeout).count();
      leavingFor_ = LifeReason::LaunchTimedOut;
      leavingByFault_ = true;
      leavingCause_ = {ErrorCategory::BrowserFailed,
                       fmt::format("the browser's page was not there after {} s", seconds),
                       "look at the browser's output; a slow machine needs a longer time limit"};
      return stop(LifeReason::LaunchTimedOut, leavingCause_.message, now);
    }
    case LifeState::Gated:
    case LifeState::Ready:
    case LifeState::Busy:
      applyPolicy(now);
      if (!isUp()) return;
      if (checkDeadline_ && now >= *checkDeadline_) {
        checkDeadline_.reset();
        // Under a job the check waits its turn; how the job ends tells more.
        if (jobs_.empty()) return drain(LifeReason::HealthFailed, "a tiny inference hung", now);
      }
      if (!checkDeadline_ && jobs_.empty() && now >= idleSince_ + options_.healthAfterIdle) {
        checkHealth(now);
      }
      return;
    case LifeState::Draining:
      if (now < deadline_) return;
      giveBack(false, "the browser is replaced, and this job did not end in time");
      return stop(LifeReason::DrainTimedOut, {}, now);
    case LifeState::Recycling:
      if (now < deadline_) return;
      deadline_ = now + options_.stopTimeout;
      actions_.emplace_back(Stop{true});
      return;
    case LifeState::Dead:
      if (!relaunchAt_ || now < *relaunchAt_) return;
      become(LifeState::Starting, LifeReason::Relaunch, now);
      return launch(now);
  }
}

std::optional<TimePoint> ConnectionLife::nextDeadline() const {
  if (state_ == LifeState::Dead) return relaunchAt_;
  if (!isUp()) return deadline_;
  std::optional<TimePoint> next = checkDeadline_;
  const auto consider = [&next](TimePoint at) { next = next ? std::min(*next, at) : at; };
  if (!checkDeadline_ && jobs_.empty()) consider(idleSince_ + options_.healthAfterIdle);
  if (options_.recycle.maxAge) consider(readyAt_ + *options_.recycle.maxAge);
  return next;
}

std::vector<LifeAction> ConnectionLife::takeActions() {
  return std::exchange(actions_, {});
}

}  // namespace webpool::sched
