// Requests that are given up, and sessions that end.
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

TEST(WorkerSessionCancel, CancelBeforeItWasSent) {
  SessionScript script;
  const auto id = script.submit(runOf());
  script.cancel(id);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Cancelled}}));
  script.connect();
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome"));
}

TEST(WorkerSessionCancel, CancelOfARunThatThePageHas) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.takeSent();
  script.cancel(id);
  script.cancel(id);
  EXPECT_THAT(script.takeSent(), ElementsAre("cancel 1"));
  EXPECT_THAT(script.failed(), IsEmpty());
  script.page(failureOf(id, ErrorCategory::Cancelled, {"m1"}));
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Cancelled}}));
  ASSERT_THAT(script.all<ModelsLost>(), SizeIs(1));
}

TEST(WorkerSessionCancel, AnAnswerThatCrossesTheCancelCounts) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.cancel(id);
  script.page(resultOf(id));
  EXPECT_THAT(script.done(), ElementsAre(id));
  script.pass(1min);
  EXPECT_THAT(script.failed(), IsEmpty());
}

TEST(WorkerSessionCancel, APageThatDoesNotAnswerACancelIsNotWaitedFor) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf(), 30s);
  script.cancel(id);
  script.passAlive(9s);
  EXPECT_THAT(script.failed(), IsEmpty());
  script.passAlive(1s);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Cancelled}}));
  script.page(resultOf(id));
  EXPECT_EQ(script.session.counters().lateAnswers, 1u);
}

TEST(WorkerSessionCancel, CancelOfOtherRequestsForgetsThem) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(wire::StatsRequest{});
  script.takeSent();
  script.cancel(id);
  script.cancel(77);
  EXPECT_THAT(script.takeSent(), IsEmpty());
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Cancelled}}));
  script.page(wire::Stats{id, {}, {}});
  EXPECT_THAT(script.done(), IsEmpty());
}

TEST(WorkerSessionCancel, ADeadlineFailsTheRequestAndStopsTheWork) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf(), 2s);
  const auto other = script.submit(runOf());
  script.takeSent();
  script.pass(1999ms);
  EXPECT_THAT(script.failed(), IsEmpty());
  script.pass(1ms);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Timeout}}));
  EXPECT_THAT(script.takeSent(), ElementsAre("cancel 1"));
  script.page(failureOf(id, ErrorCategory::Cancelled, {"m1"}));
  EXPECT_THAT(script.all<ModelsLost>(), SizeIs(1));  // late, but true
  EXPECT_THAT(script.failed(), SizeIs(1));
  script.page(resultOf(other));
  EXPECT_THAT(script.done(), ElementsAre(other));
}

TEST(WorkerSessionCancel, ADeadlineCountsBeforeThePageIsThereToo) {
  SessionScript script;
  const auto id = script.submit(runOf(), 2s);
  script.pass(2s);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Timeout}}));
  script.connect();
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome"));
}

// Withdrawing: a cancel that costs nothing.

TEST(WorkerSessionWithdraw, BeforeItWasSentItIsForgotten) {
  SessionScript script;
  const auto id = script.submit(runOf());
  script.withdraw(id);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Cancelled}}));
  script.connect();
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome"));
}

TEST(WorkerSessionWithdraw, ThePageIsAskedOnceAndSaysWhetherItHadBegun) {
  SessionScript script;
  script.connect();
  const auto begun = script.submit(runOf());
  const auto waits = script.submit(runOf());
  script.takeSent();
  for (const auto id : {begun, waits, waits}) script.withdraw(id);
  EXPECT_THAT(script.takeSent(), ElementsAre("withdraw 1", "withdraw 2"));
  script.page(failureOf(waits, ErrorCategory::Cancelled));
  EXPECT_EQ(script.failed(), (Failures{{waits, ErrorCategory::Cancelled}}));
  // However long it takes: no answer to the withdrawal is owed.
  script.passAlive(1min);
  script.page(resultOf(begun));
  EXPECT_THAT(script.done(), ElementsAre(begun));
  EXPECT_EQ(script.session.counters().lateAnswers, 0u);
}

TEST(WorkerSessionWithdraw, OnlyRunsAreWithdrawn) {
  SessionScript script;
  script.connect();
  const auto load = script.submit(loadOf());
  script.takeSent();
  script.withdraw(load);
  script.withdraw(77);
  EXPECT_THAT(script.takeSent(), IsEmpty());
  script.page(loadedOf(load));
  EXPECT_THAT(script.done(), ElementsAre(load));
}

TEST(WorkerSessionWithdraw, ACancelAfterItEndsTheRun) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.takeSent();
  script.withdraw(id);
  script.cancel(id);
  script.withdraw(id);
  EXPECT_THAT(script.takeSent(), ElementsAre("withdraw 1", "cancel 1"));
  script.page(failureOf(id, ErrorCategory::Cancelled, {"m1"}));
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Cancelled}}));
}

TEST(WorkerSessionWithdraw, AfterABreakItIsSaidAgainOfWhatThePageHas) {
  SessionScript script;
  script.connect();
  const auto has = script.submit(runOf());
  const auto lost = script.submit(runOf());
  script.breakOff();
  script.withdraw(has);
  script.withdraw(lost);
  script.takeSent();
  script.reconnect(2, {has});
  EXPECT_THAT(script.takeSent(), ElementsAre("welcome", "withdraw 1"));
  EXPECT_EQ(script.failed(), (Failures{{lost, ErrorCategory::Cancelled}}));
  script.page(resultOf(has), 2);
  EXPECT_THAT(script.done(), ElementsAre(has));
}

// Drain and close.

TEST(WorkerSessionCancel, DrainWaitsForAllWork) {
  SessionScript script;
  script.connect();
  const auto run = script.submit(runOf());
  const auto drain = script.submit(wire::Drain{});
  for (WorkerSession::Request late :
       {WorkerSession::Request(runOf()), WorkerSession::Request(loadOf()),
        WorkerSession::Request(wire::Drain{})}) {
    const auto refused = script.session.submit(std::move(late));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().category, ErrorCategory::Busy);
  }
  EXPECT_TRUE(script.session.submit(wire::StatsRequest{}));
  script.page(resultOf(run));
  script.page(wire::Drained{drain});
  EXPECT_THAT(script.done(), ElementsAre(run, drain));
}

TEST(WorkerSessionCancel, CloseFailsWhatIsOpen) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.takeSent();
  script.close();
  script.close();
  EXPECT_THAT(script.takeSent(), ElementsAre("close"));
  ASSERT_THAT(script.closed, SizeIs(1));
  EXPECT_EQ(script.closed[0].code, CloseCode::Normal);
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::Cancelled}}));
  ASSERT_THAT(script.all<Ended>(), SizeIs(1));
  EXPECT_FALSE(script.all<Ended>()[0].cause);
  EXPECT_EQ(script.session.submit(runOf()).error().category, ErrorCategory::WorkerLost);
  script.breakOff();
  script.pass(1h);
  EXPECT_THAT(script.all<Ended>(), SizeIs(1));
}

TEST(WorkerSessionCancel, ABrowserThatDiedIsNotWaitedFor) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.breakOff();
  script.session.abandon({ErrorCategory::WorkerLost, "chromium ended with signal 9", ""});
  script.pass(0s);
  script.breakOff();
  ASSERT_THAT(script.all<Ended>(), SizeIs(1));
  ASSERT_THAT(script.all<RequestFailed>(), SizeIs(1));
  EXPECT_EQ(script.all<RequestFailed>()[0].id, id);
  EXPECT_EQ(script.all<RequestFailed>()[0].error.message, "chromium ended with signal 9");
}

TEST(WorkerSessionCancel, APageThatWasClosedIsGoneAtOnce) {
  for (const std::uint16_t code : {1000, 1001, 4400, 4401, 4408, 4413}) {
    SessionScript script;
    script.connect();
    const auto id = script.submit(runOf());
    script.breakOff(1, code);
    EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::WorkerLost}})) << code;
    EXPECT_THAT(script.all<Ended>(), SizeIs(1));
  }
}

}  // namespace
}  // namespace webpool::session
