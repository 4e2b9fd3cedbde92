// Connections that break: no request is lost and none is given twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session/testing/session_script.h"
#include "session/worker_session.h"

namespace webpool::session {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Failures = std::vector<std::pair<RequestId, ErrorCategory>>;

TEST(WorkerSessionResume, AfterTheGraceTimeItIsOver) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.breakOff();
  EXPECT_THAT(script.all<Suspended>(), SizeIs(1));
  EXPECT_FALSE(script.session.isConnected());
  script.pass(9999ms);
  EXPECT_THAT(script.failed(), IsEmpty());
  script.pass(1ms);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::WorkerLost}}));
  EXPECT_THAT(script.all<Ended>(), SizeIs(1));
  script.reconnect(2);
  ASSERT_THAT(script.closed, SizeIs(1));
  EXPECT_EQ(script.closed[0].channel, 2u);
  EXPECT_EQ(script.closed[0].code, CloseCode::Unauthorized);
}

TEST(WorkerSessionResume, WhatThePageLacksIsSentAgainAndOnlyThat) {
  SessionScript script;
  script.connect();
  const auto arrived = script.submit(runOf());
  const auto lost = script.submit(runOf());
  script.breakOff();
  const auto meanwhile = script.submit(runOf());
  script.takeSent();
  script.pass(5s);
  EXPECT_THAT(script.takeSent(), IsEmpty());  // no pings to nobody
  script.reconnect(2, {arrived});
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "run 2", "run 3"));
  const auto& welcome = std::get<wire::Welcome>((script.frames.end() - 3)->message);
  EXPECT_THAT(welcome.open, ElementsAre(arrived, lost, meanwhile));
  ASSERT_THAT(script.all<Ready>(), SizeIs(2));
  EXPECT_TRUE(script.all<Ready>()[1].resumed);
  script.page(resultOf(meanwhile), 2);
  script.page(resultOf(arrived), 2);
  script.page(resultOf(lost), 2);
  EXPECT_THAT(script.done(), ElementsAre(meanwhile, arrived, lost));
  EXPECT_THAT(script.failed(), IsEmpty());
}

TEST(WorkerSessionResume, AnswersThePageKeptArriveOnce) {
  SessionScript script;
  script.connect();
  const auto had = script.submit(runOf());
  const auto lost = script.submit(runOf());
  script.page(resultOf(had));  // its confirmation never reaches the page
  script.breakOff();
  script.reconnect(2, {had, lost});
  const auto& welcome = std::get<wire::Welcome>(script.frames[3].message);
  EXPECT_THAT(welcome.open, ElementsAre(lost));  // tells the page which answer to send
  EXPECT_THAT(script.frames[3].received, IsEmpty());
  script.page(resultOf(lost), 2);
  EXPECT_THAT(script.done(), ElementsAre(had, lost));
  EXPECT_EQ(script.session.counters().lateAnswers, 0u);
}

TEST(WorkerSessionResume, ANewerConnectionReplacesTheOld) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.takeSent();
  script.reconnect(2, {id});
  ASSERT_THAT(script.closed, SizeIs(1));
  EXPECT_EQ(script.closed[0].channel, 1u);
  EXPECT_EQ(script.closed[0].code, CloseCode::Replaced);
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome"));
  script.page(resultOf(id), 1);
  EXPECT_EQ(script.session.counters().staleFrames, 1u);
  script.breakOff(1, 4409);
  EXPECT_TRUE(script.session.isConnected());
  script.page(resultOf(id), 2);
  EXPECT_THAT(script.done(), ElementsAre(id));
}

TEST(WorkerSessionResume, ACancelDuringTheBreakReachesThePageOrIsSpared) {
  SessionScript script;
  script.connect();
  const auto known = script.submit(runOf());
  const auto unknown = script.submit(runOf());
  script.breakOff();
  script.takeSent();
  script.cancel(known);
  script.cancel(unknown);
  EXPECT_THAT(script.failed(), IsEmpty());
  script.reconnect(2, {known});
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "cancel 1"));
  EXPECT_THAT(std::get<wire::Welcome>(script.frames[3].message).open, ElementsAre(known));
  EXPECT_EQ(script.failed(), (Failures{{unknown, ErrorCategory::Cancelled}}));
  script.page(resultOf(known), 2);  // the page had kept the answer
  EXPECT_THAT(script.done(), ElementsAre(known));
}

TEST(WorkerSessionResume, ACancelLostOnTheWayIsSentAgain) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.cancel(id);
  script.breakOff();
  script.takeSent();
  script.reconnect(2, {id});
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "cancel 1"));
}

TEST(WorkerSessionResume, WorkThatNobodyWaitsForAnyMoreIsStopped) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf(), 2s);
  script.breakOff();
  script.pass(2s);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Timeout}}));
  script.takeSent();
  script.reconnect(2, {id});
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "cancel 1"));
  script.page(failureOf(id, ErrorCategory::Cancelled, {"m1"}), 2);
  EXPECT_THAT(script.all<ModelsLost>(), SizeIs(1));
  EXPECT_THAT(script.failed(), SizeIs(1));
}

TEST(WorkerSessionResume, CancelledRequestsOfALostSessionAreCancelled) {
  SessionScript script;
  script.connect();
  const auto cancelled = script.submit(runOf());
  const auto open = script.submit(runOf());
  script.cancel(cancelled);
  script.breakOff();
  script.session.abandon({ErrorCategory::WorkerLost, "gone", ""});
  script.pass(0s);
  script.close();
  EXPECT_EQ(script.failed(),
            (Failures{{cancelled, ErrorCategory::Cancelled}, {open, ErrorCategory::WorkerLost}}));
}

TEST(WorkerSessionResume, DrainSurvivesABreak) {
  SessionScript script;
  script.connect();
  const auto run = script.submit(runOf());
  const auto drain = script.submit(wire::Drain{});
  script.breakOff();
  script.takeSent();
  script.reconnect(2);
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "run 1", "drain 2"));
  script.page(resultOf(run), 2);
  script.page(wire::Drained{drain}, 2);
  EXPECT_THAT(script.done(), ElementsAre(run, drain));
}

TEST(WorkerSessionResume, AStrangersHelloChangesNothing) {
  SessionScript script;
  script.connect();
  wire::Hello hello;
  script.session.connected(2, hello, script.now);  // a first hello, again
  hello.resume = "another session";
  script.session.connected(3, hello, script.now);
  script.pass(0s);
  EXPECT_TRUE(script.session.isConnected());
  ASSERT_THAT(script.closed, SizeIs(2));
  EXPECT_EQ(script.closed[0].channel, 2u);
  EXPECT_EQ(script.closed[1].channel, 3u);
  EXPECT_EQ(script.closed[1].code, CloseCode::Unauthorized);
}

TEST(WorkerSessionResume, KnowingWhatWasNeverAskedEndsIt) {
  SessionScript script;
  script.connect();
  script.submit(runOf());
  script.breakOff();
  script.reconnect(2, {7});
  ASSERT_THAT(script.closed, SizeIs(1));
  EXPECT_EQ(script.closed[0].channel, 2u);
  EXPECT_EQ(script.closed[0].code, CloseCode::Protocol);
  EXPECT_TRUE(script.session.hasEnded());
}

TEST(WorkerSessionResume, TheHeartbeatStartsAnew) {
  SessionScript script;
  script.connect();
  script.pass(19s);
  script.breakOff();
  script.pass(9s);
  script.reconnect(2);
  script.pass(19s);
  EXPECT_FALSE(script.session.hasEnded());
}

TEST(WorkerSessionResume, PartsOfAnAnswerArriveOnceThoughAllAreSaidAgain) {
  SessionScript script;
  script.connect();
  const auto run = script.submit(runOf());
  script.page(wire::Partial{run, 0, {{"text", "a"}}});
  script.breakOff();
  script.reconnect(2, {run});
  script.page(wire::Partial{run, 0, {{"text", "a"}}}, 2);
  script.page(wire::Partial{run, 1, {{"text", "b"}}}, 2);
  script.page(resultOf(run), 2);
  const auto parts = script.all<wire::Partial>();
  ASSERT_THAT(parts, SizeIs(2));
  EXPECT_EQ(parts[0].data.at("text"), "a");
  EXPECT_EQ(parts[1].data.at("text"), "b");
  EXPECT_THAT(script.done(), ElementsAre(run));
}

}  // namespace
}  // namespace webpool::session
