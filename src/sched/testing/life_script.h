// Drives a ConnectionLife by hand, for its tests: time passes only when told, and every action is
// kept.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "sched/connection_life.h"

namespace webpool::sched::testing {

class LifeScript {
 public:
  explicit LifeScript(const LifeOptions& options = {}) : life(options, now) { take(); }

  /// Up to the state named.
  void toGated() {
    life.launchBegan(now);
    life.pageReady(now);
    take();
  }
  void toReady() {
    toGated();
    life.gatePassed(now);
    take();
  }
  void begin(JobId job) {
    EXPECT_TRUE(life.jobBegan(job, now)) << "job " << job;
    take();
  }
  void end(JobId job, std::optional<ErrorCategory> error = {}) {
    life.jobEnded(job, error, now);
    take();
  }
  void failLaunch(ErrorCategory category = ErrorCategory::BrowserFailed) {
    life.launchFailed({category, "it did not start", ""}, now);
    take();
  }

  void pass(Duration time) {
    now += time;
    life.tick(now);
    take();
  }
  /// To the next deadline and no further.
  void toDeadline() {
    const auto next = life.nextDeadline();
    ASSERT_TRUE(next);
    now = std::max(now, *next);
    life.tick(now);
    take();
  }

  /// Moves what the machine asks for to the end of `actions`.
  void take() {
    for (auto& action : life.takeActions()) actions.push_back(std::move(action));
  }
  template <class A>
  std::vector<A> all() const {
    std::vector<A> found;
    for (const auto& action : actions) {
      if (const auto* one = std::get_if<A>(&action)) found.push_back(*one);
    }
    return found;
  }
  template <class A>
  std::size_t count() const {
    return all<A>().size();
  }
  /// The states since the last clear, each with its reason.
  std::vector<std::pair<LifeState, LifeReason>> path() const {
    std::vector<std::pair<LifeState, LifeReason>> steps;
    for (const auto& change : all<Transition>()) steps.emplace_back(change.to, change.reason);
    return steps;
  }
  void clear() { actions.clear(); }

  TimePoint now{std::chrono::hours(1)};
  ConnectionLife life;
  std::vector<LifeAction> actions;
};

using Path = std::vector<std::pair<LifeState, LifeReason>>;

}  // namespace webpool::sched::testing
