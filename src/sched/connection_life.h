// The life of one connection (a browser process, or a device that joined) as a machine: it is told
// what happened and what the time is, and says what to do next. So that a browser which crashes,
// hangs, leaks or answers wrong is replaced without losing a job. docs/lifecycle.md has the
// picture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sched/back_off.h"
#include "sched/life_events.h"
#include "sched/recycle_policy.h"

namespace webpool::sched {

struct LifeOptions {
  /// A device that came by itself: it is never launched, and its end is for ever.
  bool joined = false;
  Duration launchTimeout = std::chrono::seconds(60);    ///< from Launch to pageReady()
  Duration drainTimeout = std::chrono::seconds(60);     ///< then open jobs are given back
  Duration stopTimeout = std::chrono::seconds(15);      ///< then Stop is asked for again
  Duration healthAfterIdle = std::chrono::seconds(60);  ///< without a job
  Duration healthTimeout = std::chrono::seconds(30);    ///< for healthChecked()
  /// Proved for so long: the next failure is the first again.
  Duration stableAfter = std::chrono::seconds(60);
  BackOffOptions backOff{};
  /// In a row, without a stable time between; then the life ends. nullopt: it tries for ever.
  std::optional<unsigned> maxFailures{};
  RecyclePolicy recycle{};
  std::size_t history = 64;  ///< transitions kept
};

/// Every job for which jobBegan() said true ends by jobEnded() or in one GiveBackJobs. Call all of
/// it on one thread; after each call take the actions, and call tick() when nextDeadline() is due.
/// Events of an incarnation that was stopped are the shell's to drop.
class ConnectionLife {
 public:
  ConnectionLife(const LifeOptions& options, TimePoint now);

  // What happened.

  void launchBegan(TimePoint now);  ///< the process runs
  void launchFailed(const Error& error, TimePoint now);
  void pageReady(TimePoint now);
  /// A model's answers on a backend agreed with its golden ones.
  void gatePassed(TimePoint now);
  /// They did not. Nothing is served by that model there; another may still pass.
  void gateFailed(const Error& error, TimePoint now);
  /// Asked before the job is sent; false: it must not be. While gated, only loads and gate runs.
  [[nodiscard]] bool jobBegan(JobId job, TimePoint now);
  /// `error`: none when it went well.
  void jobEnded(JobId job, std::optional<ErrorCategory> error, TimePoint now);
  void healthChecked(bool ok, TimePoint now);
  /// What a model has answered right before fails there now: it is the worker, not the inputs.
  void knownInputsFailed(const Error& error, TimePoint now);
  void heartbeatLost(TimePoint now);  ///< the page is out of reach
  void deviceLost(TimePoint now);     ///< a graphics device; the page lives on
  void processEnded(const std::string& how, TimePoint now);  ///< by itself
  /// Not while a load is under way: its peak would pass for growth.
  void memorySampled(MemorySample sample, TimePoint now);
  void drained(TimePoint now);  ///< the page has answered every job that it ever got
  void stopped(TimePoint now);  ///< nothing runs any more
  void tick(TimePoint now);

  // What the pool wants.

  /// Drains, stops and launches anew.
  void recycleAsked(const std::string& why, TimePoint now);
  /// Drains and stops for ever.
  void endAsked(TimePoint now);

  // What follows.

  std::vector<LifeAction> takeActions();
  /// When tick() is due next.
  std::optional<TimePoint> nextDeadline() const;

  LifeState state() const noexcept { return state_; }
  /// Whether an inference may be placed here.
  bool accepts() const noexcept { return state_ == LifeState::Ready || state_ == LifeState::Busy; }
  /// Whether a model may be loaded here: also while nothing is proved yet.
  bool acceptsLoads() const noexcept { return accepts() || state_ == LifeState::Gated; }
  bool hasEnded() const noexcept { return ended_; }
  std::uint64_t incarnation() const noexcept { return incarnation_; }
  std::size_t openJobs() const noexcept { return jobs_.size(); }
  const Usage& usage() const noexcept { return usage_; }
  /// Ends of jobs that were not open: late or doubled.
  std::uint64_t lateEnds() const noexcept { return lateEnds_; }
  /// The latest transitions, oldest first. Those between ready and busy are left out: they would
  /// push out all else.
  const std::deque<Transition>& history() const noexcept { return history_; }

 private:
  void become(LifeState to, LifeReason reason, TimePoint now, std::string detail = {});
  void launch(TimePoint now);
  void proved(LifeReason reason, TimePoint now);
  void count(std::optional<ErrorCategory> error);
  void applyPolicy(TimePoint now);
  void doubt(TimePoint now);
  void checkHealth(TimePoint now);
  void drain(LifeReason reason, std::string detail, TimePoint now);
  void stop(LifeReason reason, std::string detail, TimePoint now);
  void giveBack(bool died, const std::string& why);
  /// No process of this incarnation is left.
  void gone(LifeReason reason, Error cause, TimePoint now);
  void end(std::optional<Error> cause);
  void forgetIncarnation();
  bool isStable(TimePoint now) const;
  bool isUp() const noexcept { return acceptsLoads(); }

  LifeOptions options_;
  LifeState state_ = LifeState::Starting;
  std::uint64_t incarnation_ = 0;
  TimePoint deadline_{};  ///< Starting, Probing, Draining, Recycling
  std::optional<TimePoint> relaunchAt_;
  BackOff backOff_;

  // Of this incarnation.
  TimePoint readyAt_{};
  std::optional<TimePoint> provedAt_;
  TimePoint idleSince_{};
  std::optional<TimePoint> checkDeadline_;  ///< set: a health check is under way
  Usage usage_;
  LifeReason leavingFor_ = LifeReason::Asked;  ///< Draining, Recycling
  Error leavingCause_;
  bool leavingByFault_ = false;

  std::set<JobId> jobs_;
  bool endAsked_ = false;
  bool ended_ = false;
  std::uint64_t lateEnds_ = 0;
  std::deque<Transition> history_;
  std::vector<LifeAction> actions_;
};

}  // namespace webpool::sched
