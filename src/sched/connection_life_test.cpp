// Launching, proving, health, back-off and the end. Draining has a file of its own.
#include "sched/connection_life.h"

#include <gtest/gtest.h>

#include "sched/testing/life_script.h"

namespace webpool::sched {
namespace {

using namespace testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ConnectionLife, FromLaunchToTheFirstJobAndBack) {
  LifeScript script;
  ASSERT_EQ(script.count<Launch>(), 1u);
  EXPECT_EQ(script.all<Launch>()[0].incarnation, 1u);
  EXPECT_EQ(script.life.state(), LifeState::Starting);
  script.toReady();
  script.begin(7);
  EXPECT_EQ(script.life.openJobs(), 1u);
  script.end(7);
  EXPECT_EQ(script.path(), (Path{{LifeState::Probing, LifeReason::LaunchBegan},
                                 {LifeState::Gated, LifeReason::PageReady},
                                 {LifeState::Ready, LifeReason::GatePassed},
                                 {LifeState::Busy, LifeReason::JobBegan},
                                 {LifeState::Ready, LifeReason::JobsEnded}}));
  EXPECT_EQ(script.life.usage().jobs, 1u);
}

TEST(ConnectionLife, ThePageMayBeThereBeforeTheLaunchReturns) {
  LifeScript script;
  script.life.pageReady(script.now);
  EXPECT_EQ(script.life.state(), LifeState::Gated);
  script.life.launchBegan(script.now);
  EXPECT_EQ(script.life.state(), LifeState::Gated);
}

TEST(ConnectionLife, AcceptsNoInferenceBeforeSomethingIsProved) {
  LifeScript script;
  EXPECT_FALSE(script.life.accepts());
  EXPECT_FALSE(script.life.jobBegan(1, script.now));
  script.toGated();
  EXPECT_FALSE(script.life.accepts());
  EXPECT_TRUE(script.life.acceptsLoads());
  script.begin(2);  // the load whose gate it waits for
  EXPECT_EQ(script.life.state(), LifeState::Gated);
  script.life.gateFailed({ErrorCategory::WrongResult, "0.05 where 0.07 is right", ""}, script.now);
  EXPECT_EQ(script.life.state(), LifeState::Gated);
  EXPECT_EQ(script.life.usage().consecutiveErrors, 0u);
  script.life.gatePassed(script.now);
  EXPECT_EQ(script.life.state(), LifeState::Busy);
  EXPECT_TRUE(script.life.accepts());
  script.end(2);
  EXPECT_EQ(script.life.state(), LifeState::Ready);
}

TEST(ConnectionLife, GatesThatFailByTheBrowsersFaultReplaceIt) {
  LifeScript script;
  script.toGated();
  for (int i = 0; i < 5; ++i) {
    script.life.gateFailed({ErrorCategory::Internal, "the runtime aborted", ""}, script.now);
  }
  EXPECT_EQ(script.life.state(), LifeState::Recycling);
  EXPECT_FALSE(script.life.acceptsLoads());
}

TEST(ConnectionLife, ATinyInferenceProvesItToo) {
  LifeScript script;
  script.toGated();
  script.toDeadline();
  ASSERT_EQ(script.count<CheckHealth>(), 1u);
  script.life.healthChecked(true, script.now);
  EXPECT_EQ(script.life.state(), LifeState::Ready);
  EXPECT_EQ(script.life.history().back().reason, LifeReason::HealthPassed);
}

TEST(ConnectionLife, IsCheckedEachIdleMinuteAndNotWhileItWorks) {
  LifeScript script;
  script.toReady();
  script.begin(1);
  script.pass(seconds(600));
  EXPECT_EQ(script.count<CheckHealth>(), 0u);
  script.end(1);
  script.pass(seconds(60) - milliseconds(1));
  EXPECT_EQ(script.count<CheckHealth>(), 0u);
  script.pass(milliseconds(1));
  EXPECT_EQ(script.count<CheckHealth>(), 1u);
  script.pass(seconds(10));
  EXPECT_EQ(script.count<CheckHealth>(), 1u);
  script.life.healthChecked(true, script.now);
  script.pass(seconds(59));
  EXPECT_EQ(script.count<CheckHealth>(), 1u);
  script.pass(seconds(1));
  EXPECT_EQ(script.count<CheckHealth>(), 2u);
}

TEST(ConnectionLife, AFailedOrHungCheckReplacesIt) {
  for (const bool hung : {false, true}) {
    LifeScript script;
    script.toReady();
    script.pass(seconds(60));
    script.clear();
    if (hung) {
      script.toDeadline();
    } else {
      script.life.healthChecked(false, script.now);
      script.take();
    }
    EXPECT_EQ(script.path(), (Path{{LifeState::Draining, LifeReason::HealthFailed},
                                   {LifeState::Recycling, LifeReason::Drained}}));
    EXPECT_EQ(script.count<Stop>(), 1u);
    script.life.healthChecked(true, script.now);  // too late
    EXPECT_EQ(script.life.state(), LifeState::Recycling);
  }
}

TEST(ConnectionLife, ACheckBehindAJobIsForgotten) {
  LifeScript script;
  script.toReady();
  script.pass(seconds(60));
  script.begin(1);
  script.pass(seconds(31));
  EXPECT_EQ(script.life.state(), LifeState::Busy);
  script.life.healthChecked(false, script.now);  // it answers after all: nobody asks any more
  EXPECT_EQ(script.life.state(), LifeState::Busy);
}

TEST(ConnectionLife, FailedLaunchesComeAtDoublingIntervals) {
  LifeScript script;
  for (const auto wait : {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000}) {
    script.failLaunch();
    EXPECT_EQ(script.life.state(), LifeState::Dead);
    ASSERT_EQ(script.all<RelaunchAt>().back().at, script.now + milliseconds(wait));
    script.pass(milliseconds(wait - 1));
    EXPECT_EQ(script.life.state(), LifeState::Dead);
    script.toDeadline();
    EXPECT_EQ(script.life.state(), LifeState::Starting);
  }
  EXPECT_EQ(script.count<Launch>(), 9u);
  EXPECT_EQ(script.all<Launch>().back().incarnation, 9u);
}

TEST(ConnectionLife, AStableTimeForgivesEarlierFailures) {
  LifeScript script;
  for (int i = 0; i < 5; ++i) {
    script.failLaunch();
    script.toDeadline();
  }
  script.toReady();
  script.now += seconds(59);
  script.life.processEnded("signal 9", script.now);
  script.take();
  EXPECT_EQ(script.all<RelaunchAt>().back().at, script.now + seconds(16));  // not stable yet
  script.toDeadline();
  script.toReady();
  script.now += seconds(60);
  script.life.processEnded("signal 9", script.now);
  script.take();
  EXPECT_EQ(script.all<RelaunchAt>().back().at, script.now + milliseconds(500));
}

TEST(ConnectionLife, GivesUpWhereNoAttemptCanHelp) {
  LifeScript script;
  script.failLaunch(ErrorCategory::BrowserNotFound);
  ASSERT_EQ(script.count<Ended>(), 1u);
  EXPECT_EQ(script.all<Ended>()[0].cause->category, ErrorCategory::BrowserNotFound);
  EXPECT_TRUE(script.life.hasEnded());
  EXPECT_EQ(script.life.nextDeadline(), std::nullopt);
}

TEST(ConnectionLife, GivesUpAfterAsManyFailuresAsAllowed) {
  LifeScript script({.maxFailures = 3});
  for (int i = 0; i < 2; ++i) {
    script.failLaunch();
    EXPECT_FALSE(script.life.hasEnded());
    script.toDeadline();
  }
  script.failLaunch();
  EXPECT_TRUE(script.life.hasEnded());
  EXPECT_EQ(script.count<Ended>(), 1u);
  EXPECT_EQ(script.count<RelaunchAt>(), 2u);
}

TEST(ConnectionLife, ALaunchThatHangsIsStoppedAndTriedAgain) {
  for (const bool began : {false, true}) {
    LifeScript script;
    if (began) script.life.launchBegan(script.now);
    script.toDeadline();
    EXPECT_EQ(script.life.state(), LifeState::Recycling);
    ASSERT_EQ(script.count<Stop>(), 1u);
    EXPECT_EQ(script.life.history().back().reason, LifeReason::LaunchTimedOut);
    script.life.stopped(script.now);
    script.take();
    EXPECT_EQ(script.life.state(), LifeState::Dead);
    script.toDeadline();
    EXPECT_EQ(script.life.state(), LifeState::Starting);
  }
}

TEST(ConnectionLife, AStopThatIsNotAnsweredIsAskedForAgainWithForce) {
  LifeScript script;
  script.toReady();
  script.life.heartbeatLost(script.now);
  script.toDeadline();
  script.toDeadline();
  const auto stops = script.all<Stop>();
  ASSERT_EQ(stops.size(), 3u);
  EXPECT_FALSE(stops[0].force);
  EXPECT_TRUE(stops[1].force);
  EXPECT_TRUE(stops[2].force);
  script.life.processEnded("killed", script.now);
  EXPECT_EQ(script.life.state(), LifeState::Dead);
}

TEST(ConnectionLife, AJoinedDeviceIsNeverLaunched) {
  LifeScript script({.joined = true});
  EXPECT_EQ(script.life.state(), LifeState::Probing);
  script.toReady();
  script.begin(1);
  script.life.heartbeatLost(script.now);
  script.life.stopped(script.now);
  script.take();
  EXPECT_EQ(script.count<GiveBackJobs>(), 1u);
  EXPECT_EQ(script.count<Launch>(), 0u);
  ASSERT_EQ(script.count<Ended>(), 1u);
  EXPECT_EQ(script.all<Ended>()[0].cause->category, ErrorCategory::WorkerLost);
}

TEST(ConnectionLife, EndsInOrderFromEveryState) {
  const std::vector<std::pair<LifeState, void (*)(LifeScript&)>> ways{
      {LifeState::Starting, [](LifeScript&) {}},
      {LifeState::Probing, [](LifeScript& script) { script.life.launchBegan(script.now); }},
      {LifeState::Gated, [](LifeScript& script) { script.toGated(); }},
      {LifeState::Ready, [](LifeScript& script) { script.toReady(); }},
      {LifeState::Dead, [](LifeScript& script) { script.failLaunch(); }},
      {LifeState::Recycling,
       [](LifeScript& script) {
         script.toReady();
         script.life.heartbeatLost(script.now);
       }},
  };
  for (const auto& [state, reach] : ways) {
    SCOPED_TRACE(lifeStateName(state));
    LifeScript script;
    reach(script);
    ASSERT_EQ(script.life.state(), state);
    script.life.endAsked(script.now);
    script.life.endAsked(script.now);
    script.life.stopped(script.now);
    script.take();
    EXPECT_TRUE(script.life.hasEnded());
    EXPECT_EQ(script.life.state(), LifeState::Dead);
    ASSERT_EQ(script.count<Ended>(), 1u);
    EXPECT_FALSE(script.all<Ended>()[0].cause);
    EXPECT_TRUE(std::holds_alternative<Ended>(script.actions.back()));
    script.pass(hours(24));
    EXPECT_EQ(script.count<Launch>(), 1u);
  }
}

TEST(ConnectionLife, TheHistoryIsBoundedAndKeepsWhatMatters) {
  LifeScript script({.history = 4});
  script.toReady();
  for (JobId job = 0; job < 1000; ++job) {
    script.begin(job);
    script.end(job);
  }
  EXPECT_EQ(script.count<Transition>(), 2003u);  // each is given out
  EXPECT_EQ(script.life.history().size(), 3u);   // and these are kept
  script.life.heartbeatLost(script.now);
  script.life.stopped(script.now);
  EXPECT_EQ(script.life.history().size(), 4u);
  EXPECT_EQ(script.life.history().front().to, LifeState::Gated);
  EXPECT_EQ(script.life.history().back().to, LifeState::Dead);
  EXPECT_EQ(script.life.history().back().at, script.now);
  EXPECT_FALSE(script.life.history().back().detail.empty());
}

}  // namespace
}  // namespace webpool::sched
