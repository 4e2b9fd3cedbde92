#include "session/worker_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session/testing/session_script.h"

namespace webpool::session {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Failures = std::vector<std::pair<RequestId, ErrorCategory>>;

TEST(WorkerSession, WelcomesThePage) {
  SessionScript script;
  EXPECT_FALSE(script.session.isConnected());
  script.connect();
  EXPECT_TRUE(script.session.isConnected());
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome"));
  const auto& welcome = std::get<wire::Welcome>(script.frames[0].message);
  EXPECT_EQ(welcome.session, "5e55");
  EXPECT_EQ(welcome.heartbeatMs, 5000u);
  EXPECT_EQ(welcome.graceMs, 10000u);
  EXPECT_EQ(welcome.maxFrameSize, 1u << 30);
  EXPECT_THAT(welcome.open, IsEmpty());
  ASSERT_THAT(script.all<Ready>(), SizeIs(1));
  EXPECT_FALSE(script.all<Ready>()[0].resumed);
}

TEST(WorkerSession, APageThatNeverComesIsABrowserThatFailed) {
  SessionScript script;
  const auto id = script.submit(runOf());
  script.pass(59s);
  EXPECT_FALSE(script.session.hasEnded());
  script.pass(1s);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::BrowserFailed}}));
  ASSERT_THAT(script.all<Ended>(), SizeIs(1));
  EXPECT_EQ(script.session.nextDeadline(), std::nullopt);
}

TEST(WorkerSession, RequestsGetTheirAnswers) {
  SessionScript script;
  script.connect();
  const auto load = script.submit(loadOf());
  script.page(wire::Progress{load, wire::LoadPhase::Compile, 1, 2, "f"});
  EXPECT_EQ(script.idsOf<wire::Progress>(), std::vector{load});
  script.page(loadedOf(load));
  const auto run = script.submit(runOf());
  const auto unload = script.submit(wire::Unload{0, "m1"});
  const auto stats = script.submit(wire::StatsRequest{});
  const auto echo = script.submit(wire::EchoRequest{});
  EXPECT_THAT(script.takeSent(),
              ElementsAre("welcome", "load 1", "run 2", "unload 3", "stats 4", "echo 5"));
  script.page(wire::EchoResult{echo, {}});
  script.page(wire::Stats{stats, {}, {}});
  script.page(resultOf(run));
  script.page(wire::Unloaded{unload});
  EXPECT_THAT(script.done(), ElementsAre(load, echo, stats, run, unload));
  EXPECT_THAT(script.failed(), IsEmpty());
  EXPECT_EQ(script.session.openRequests(), 0u);
  const auto answers = script.all<RequestDone>();
  EXPECT_EQ(std::get<wire::RunResult>(answers[3].answer).outputs.at(0).data.text(), "z");
}

TEST(WorkerSession, WhatPagesSayToEachOtherIsHandedOn) {
  SessionScript script;
  script.session.tell(wire::Peers{"a.1", {}});  // nobody is there: forgotten
  script.connect();
  script.session.tell(wire::Peers{"a.1", {{"bafkreia", {"b.2"}}}});
  script.session.tell(wire::Signal{"b.2", wire::SignalKind::Answer, "{}"});
  script.page(wire::Signal{"b.2", wire::SignalKind::Offer, "sdp"});
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "peers", "signal"));
  const auto signals = script.all<wire::Signal>();
  ASSERT_THAT(signals, SizeIs(1));
  EXPECT_EQ(signals[0].peer, "b.2");
  EXPECT_EQ(signals[0].text, "sdp");
}

TEST(WorkerSession, ACheckGetsItsAnswerAndNoOther) {
  SessionScript script;
  script.connect();
  const auto good = script.submit(wire::Check{0, "m1"});
  const auto page = script.submit(wire::Check{0, ""});
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "check 1", "check 2"));
  script.page(wire::Checked{good, true, 1.5, ""});
  EXPECT_THAT(script.done(), ElementsAre(good));
  EXPECT_EQ(std::get<wire::Checked>(script.all<RequestDone>()[0].answer).ms, 1.5);
  script.page(wire::Stats{page, {}, {}});
  EXPECT_TRUE(script.session.hasEnded());
  EXPECT_EQ(script.failed(), (Failures{{page, ErrorCategory::WorkerLost}}));
}

TEST(WorkerSession, AFailureKeepsItsCause) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(loadOf());
  script.page(failureOf(id, ErrorCategory::Unsupported));
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Unsupported}}));
  EXPECT_FALSE(script.session.hasEnded());
}

TEST(WorkerSession, RequestsBeforeThePageAreSentWhenItComes) {
  SessionScript script;
  const auto load = script.submit(loadOf());
  const auto run = script.submit(runOf());
  EXPECT_THAT(script.takeSent(), IsEmpty());
  script.connect();
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "load 1", "run 2"));
  script.page(loadedOf(load));
  script.page(resultOf(run));
  EXPECT_THAT(script.done(), ElementsAre(load, run));
}

TEST(WorkerSession, OpenRequestsAreBounded) {
  auto options = SessionScript::defaults();
  options.maxOpen = 2;
  SessionScript script(options);
  script.connect();
  const auto first = script.submit(runOf());
  script.submit(runOf());
  const auto refused = script.session.submit(runOf());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::Busy);
  script.page(resultOf(first));
  EXPECT_TRUE(script.session.submit(runOf()));
}

TEST(WorkerSession, ARequestThatCannotTravelIsRefusedAtOnce) {
  for (const bool connected : {false, true}) {
    SessionScript script;
    if (connected) script.connect();
    auto run = runOf();
    run.inputs[0].shape = {3};
    const auto refused = script.session.submit(run);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().category, ErrorCategory::InvalidInput);
    EXPECT_EQ(script.session.openRequests(), 0u);
    EXPECT_EQ(script.submit(runOf()), 1u);
  }
}

// Heartbeat.

TEST(WorkerSession, PingsWhileConnected) {
  SessionScript script;
  script.connect();
  script.takeSent();
  script.pass(5s);
  script.page(wire::Pong{1});
  script.pass(5s);
  EXPECT_THAT(script.takeSent(), ElementsAre("ping 1", "ping 2"));
}

TEST(WorkerSession, ThreePingsWithoutASignEndTheSession) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.takeSent();
  script.pass(19s);
  EXPECT_THAT(script.takeSent(), ElementsAre("ping 1", "ping 2", "ping 3"));
  EXPECT_FALSE(script.session.hasEnded());
  script.pass(1s);
  ASSERT_THAT(script.closed, SizeIs(1));
  EXPECT_EQ(script.closed[0].code, CloseCode::HeartbeatLost);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::WorkerLost}}));
  EXPECT_THAT(script.all<Ended>(), SizeIs(1));
}

TEST(WorkerSession, AnyFrameAndAnyBytesAreASignOfLife) {
  SessionScript script;
  script.connect();
  script.pass(14s);
  script.page(wire::Log{wire::LogLevel::Info, "still here"});
  script.pass(14s);
  script.session.bytesReceived(1);
  script.pass(14s);
  EXPECT_FALSE(script.session.hasEnded());
  script.pass(5s);
  EXPECT_TRUE(script.session.hasEnded());
}

TEST(WorkerSession, AStalledEventLoopDoesNotBlameThePage) {
  SessionScript script;
  script.connect();
  script.now += 10min;
  script.session.tick(script.now);
  EXPECT_FALSE(script.session.hasEnded());
  EXPECT_EQ(script.session.nextDeadline(), script.now + 5s);
}

// Confirmations.

TEST(WorkerSession, AnswersAreConfirmedWithTheNextFrame) {
  SessionScript script;
  script.connect();
  script.page(resultOf(script.submit(runOf())));
  script.page(resultOf(script.submit(runOf())));
  script.page(resultOf(2));  // doubled: confirmed all the same, or the page keeps it for ever
  script.submit(runOf());
  script.pass(5s);
  ASSERT_THAT(script.frames, SizeIs(5));  // welcome, three runs, ping
  EXPECT_THAT(script.frames[1].received, IsEmpty());
  EXPECT_THAT(script.frames[2].received, ElementsAre(1));
  EXPECT_THAT(script.frames[3].received, ElementsAre(2));
  EXPECT_THAT(script.frames[4].received, IsEmpty());
}

TEST(WorkerSession, PartsOfAnAnswerComeBeforeItAndInTheirOrder) {
  SessionScript script;
  script.connect();
  const auto run = script.submit(runOf());
  const auto other = script.submit(runOf());
  script.page(wire::Partial{run, 0, {{"text", "a"}}});
  script.page(wire::Partial{other, 0, {{"text", "x"}}});
  script.page(wire::Partial{run, 1, {{"text", "b"}}});
  script.page(wire::Partial{run, 0, {{"text", "a"}}});  // doubled
  script.page(resultOf(run));
  script.page(wire::Partial{run, 2, {{"text", "c"}}});  // late
  EXPECT_THAT(script.idsOf<wire::Partial>(), ElementsAre(run, other, run));
  EXPECT_EQ(script.all<wire::Partial>()[2].data.at("text"), "b");
  EXPECT_THAT(script.done(), ElementsAre(run));
  EXPECT_FALSE(script.session.hasEnded());
}

TEST(WorkerSession, ACancelledRunSaysNothingMore) {
  SessionScript script;
  script.connect();
  const auto run = script.submit(runOf());
  script.page(wire::Partial{run, 0, {}});
  script.cancel(run);
  script.page(wire::Partial{run, 1, {}});
  script.page(failureOf(run, ErrorCategory::Cancelled));
  script.page(wire::Partial{run, 2, {}});
  EXPECT_THAT(script.idsOf<wire::Partial>(), ElementsAre(run));
  EXPECT_EQ(script.failed(), (Failures{{run, ErrorCategory::Cancelled}}));
  EXPECT_FALSE(script.session.hasEnded());
}

}  // namespace
}  // namespace webpool::session
