// Recycling: for what it is done, and that no job is lost by it.
#include <gtest/gtest.h>

#include "sched/connection_life.h"
#include "sched/testing/life_script.h"

namespace webpool::sched {
namespace {

using namespace testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

LifeOptions optionsWith(RecyclePolicy policy) {
  LifeOptions options;
  options.recycle = policy;
  return options;
}

/// Proved and stable: what follows is not delayed.
LifeScript stable(const LifeOptions& options = {}) {
  LifeScript script(options);
  script.toReady();
  script.now += minutes(2);
  script.clear();
  return script;
}

TEST(ConnectionDrain, WaitsForOpenJobsThenStopsThenLaunches) {
  auto script = stable();
  script.begin(1);
  script.begin(2);
  script.clear();
  script.life.recycleAsked("an update", script.now);
  script.take();
  EXPECT_EQ(script.life.state(), LifeState::Draining);
  ASSERT_EQ(script.count<Drain>(), 1u);
  EXPECT_EQ(script.all<Drain>()[0].deadline, script.now + seconds(60));
  EXPECT_FALSE(script.life.accepts());
  EXPECT_FALSE(script.life.acceptsLoads());
  EXPECT_FALSE(script.life.jobBegan(3, script.now));
  script.end(1);
  EXPECT_EQ(script.count<Stop>(), 0u);
  script.end(2);
  EXPECT_EQ(script.count<Stop>(), 1u);
  script.life.stopped(script.now);
  script.take();
  EXPECT_EQ(script.path(), (Path{{LifeState::Draining, LifeReason::Asked},
                                 {LifeState::Recycling, LifeReason::Drained},
                                 {LifeState::Starting, LifeReason::Stopped}}));
  ASSERT_EQ(script.count<Recycled>(), 1u);
  EXPECT_EQ(script.all<Recycled>()[0].reason, LifeReason::Asked);
  ASSERT_EQ(script.count<Launch>(), 1u);
  EXPECT_EQ(script.all<Launch>()[0].incarnation, 2u);
  EXPECT_EQ(script.count<GiveBackJobs>(), 0u);
  script.toReady();
  EXPECT_TRUE(script.life.accepts());
  EXPECT_EQ(script.life.usage().jobs, 0u);  // it counts anew
}

TEST(ConnectionDrain, WhatIsOpenAtTheDeadlineIsGivenBackBeforeTheStop) {
  auto script = stable();
  for (const JobId job : {5u, 6u, 7u}) script.begin(job);
  script.life.recycleAsked("an update", script.now);
  script.end(6);
  script.clear();
  script.toDeadline();
  ASSERT_EQ(script.count<GiveBackJobs>(), 1u);
  const auto given = script.all<GiveBackJobs>()[0];
  EXPECT_EQ(given.jobs, (std::vector<JobId>{5, 7}));
  EXPECT_FALSE(given.died);
  EXPECT_EQ(given.cause.category, ErrorCategory::WorkerLost);
  EXPECT_TRUE(std::holds_alternative<GiveBackJobs>(script.actions.front()));
  EXPECT_TRUE(std::holds_alternative<Stop>(script.actions.back()));
  script.end(5);  // it answered after all
  EXPECT_EQ(script.life.lateEnds(), 1u);
  EXPECT_EQ(script.count<GiveBackJobs>(), 1u);
}

TEST(ConnectionDrain, APageThatHoldsNoJobAnyMoreEndsTheDrain) {
  auto script = stable();
  script.begin(1);
  script.life.recycleAsked("an update", script.now);
  script.life.drained(script.now);
  script.take();
  ASSERT_EQ(script.count<GiveBackJobs>(), 1u);
  EXPECT_FALSE(script.all<GiveBackJobs>()[0].died);
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
}

TEST(ConnectionDrain, AnIdleOneNeedsNoDrain) {
  auto script = stable();
  script.life.recycleAsked("an update", script.now);
  script.take();
  EXPECT_EQ(script.count<Drain>(), 0u);
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
}

TEST(ConnectionDrain, DeathGivesBackWhatIsOpen) {
  for (const bool draining : {false, true}) {
    for (const bool byHeartbeat : {false, true}) {
      auto script = stable();
      script.begin(1);
      script.begin(2);
      if (draining) script.life.recycleAsked("an update", script.now);
      if (byHeartbeat) {
        script.life.heartbeatLost(script.now);
      } else {
        script.life.processEnded("the browser ended by signal 11", script.now);
      }
      script.take();
      ASSERT_EQ(script.count<GiveBackJobs>(), 1u);
      const auto given = script.all<GiveBackJobs>()[0];
      EXPECT_EQ(given.jobs, (std::vector<JobId>{1, 2}));
      EXPECT_TRUE(given.died);
      if (byHeartbeat) {
        EXPECT_EQ(script.life.state(), LifeState::Recycling);
        script.life.stopped(script.now);
        script.take();
      } else {
        EXPECT_NE(given.cause.message.find("signal 11"), std::string::npos);
      }
      // A death is followed by the back-off, in whatever state it came.
      EXPECT_EQ(script.life.state(), LifeState::Dead);
      EXPECT_EQ(script.all<RelaunchAt>().back().at, script.now + milliseconds(500));
    }
  }
}

TEST(ConnectionDrain, EndAskedWhileDrainingMakesItTheLast) {
  auto script = stable();
  script.begin(1);
  script.life.recycleAsked("an update", script.now);
  script.life.endAsked(script.now);
  script.end(1);
  script.life.stopped(script.now);
  script.take();
  EXPECT_TRUE(script.life.hasEnded());
  EXPECT_EQ(script.count<Launch>(), 0u);
  EXPECT_EQ(script.count<Recycled>(), 0u);
}

TEST(ConnectionDrain, TooOldIsNoticedByTheClockAlone) {
  auto script = stable(optionsWith({.maxAge = hours(1)}));
  const auto due = script.now - minutes(2) + hours(1);
  script.begin(1);
  EXPECT_EQ(script.life.nextDeadline(), due);
  script.now = due;
  script.life.tick(script.now);
  EXPECT_EQ(script.life.state(), LifeState::Draining);
  EXPECT_EQ(script.life.history().back().reason, LifeReason::TooOld);
}

TEST(ConnectionDrain, AfterSoManyJobs) {
  auto script = stable(optionsWith({.maxJobs = 3}));
  for (JobId job = 1; job <= 3; ++job) {
    EXPECT_TRUE(script.life.accepts());
    script.begin(job);
    script.end(job);
  }
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
  script.life.stopped(script.now);
  script.take();
  EXPECT_EQ(script.all<Recycled>().at(0).reason, LifeReason::TooManyJobs);
}

TEST(ConnectionDrain, MemoryIsMeasuredFromTheFirstSampleAfterTheFirstGate) {
  constexpr std::uint64_t kMiB = 1 << 20;
  LifeScript script(optionsWith({.maxGrowthBytes = 100 * kMiB, .maxGrowthFactor = {}}));
  script.toGated();
  script.life.memorySampled({10 * kMiB, 0}, script.now);  // nothing loaded: no baseline
  script.life.gatePassed(script.now);
  script.life.memorySampled({500 * kMiB, 0}, script.now);
  script.life.memorySampled({600 * kMiB, 0}, script.now);
  EXPECT_TRUE(script.life.accepts());
  script.life.memorySampled({601 * kMiB, 0}, script.now);
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
  script.life.stopped(script.now);
  script.take();
  // It leaked before it was stable: the next one waits.
  EXPECT_EQ(script.life.state(), LifeState::Dead);
  EXPECT_EQ(script.count<RelaunchAt>(), 1u);
  EXPECT_EQ(script.all<Recycled>().at(0).reason, LifeReason::MemoryGrown);
}

TEST(ConnectionDrain, TheSecondLostDevice) {
  auto script = stable();
  script.life.deviceLost(script.now);
  EXPECT_TRUE(script.life.accepts());
  script.life.deviceLost(script.now);
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
}

TEST(ConnectionDrain, FiveErrorsInARowAndOnlyThoseOfTheWorker) {
  auto script = stable();
  JobId job = 0;
  const auto run = [&](std::optional<ErrorCategory> error) {
    script.begin(++job);
    script.end(job, error);
  };
  for (int i = 0; i < 20; ++i) run(ErrorCategory::InvalidInput);
  for (int i = 0; i < 20; ++i) run(ErrorCategory::Cancelled);
  for (int i = 0; i < 4; ++i) run(ErrorCategory::OutOfMemory);
  run(std::nullopt);
  for (int i = 0; i < 4; ++i) run(ErrorCategory::OutOfMemory);
  EXPECT_EQ(script.life.state(), LifeState::Ready);
  run(ErrorCategory::WorkerLost);
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
}

TEST(ConnectionDrain, ErrorsThatMayBeTheInputsAskForACheckFirst) {
  auto script = stable();
  JobId job = 0;
  const auto fail = [&](int times) {
    for (int i = 0; i < times; ++i) {
      script.begin(++job);
      script.end(job, ErrorCategory::Internal);
    }
  };
  fail(4);
  EXPECT_EQ(script.count<CheckHealth>(), 0u);
  fail(20);
  EXPECT_EQ(script.count<CheckHealth>(), 1u);
  EXPECT_EQ(script.life.state(), LifeState::Ready);
  script.life.healthChecked(true, script.now);
  fail(4);
  EXPECT_EQ(script.count<CheckHealth>(), 1u) << "the count starts anew";
  script.begin(++job);
  script.end(job);
  fail(4);
  EXPECT_EQ(script.count<CheckHealth>(), 1u) << "a right answer between";
  script.begin(1000);  // the check needs no idle browser
  fail(1);
  EXPECT_EQ(script.count<CheckHealth>(), 2u);
  script.life.healthChecked(false, script.now);
  EXPECT_EQ(script.life.state(), LifeState::Draining);
}

TEST(ConnectionDrain, KnownInputsThatFail) {
  auto script = stable();
  script.life.knownInputsFailed({ErrorCategory::Internal, "the session is broken", ""}, script.now);
  script.take();
  EXPECT_EQ(script.path(), (Path{{LifeState::Draining, LifeReason::Errors},
                                 {LifeState::Recycling, LifeReason::Drained}}));
  script.life.knownInputsFailed({ErrorCategory::Internal, "late", ""}, script.now);
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
}

TEST(ConnectionDrain, ALaunchUnderWayIsStoppedWhenAskedTo) {
  LifeScript script;
  script.life.launchBegan(script.now);
  script.life.recycleAsked("other flags", script.now);
  script.life.pageReady(script.now);  // too late
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
  script.life.stopped(script.now);
  EXPECT_EQ(script.life.state(), LifeState::Starting);
  EXPECT_EQ(script.life.incarnation(), 2u);
}

}  // namespace
}  // namespace webpool::sched
