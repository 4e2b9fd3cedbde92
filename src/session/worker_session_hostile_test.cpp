// Pages that break the protocol, by mistake or on purpose.
#include "session/worker_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session/testing/session_script.h"

namespace webpool::session {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Failures = std::vector<std::pair<RequestId, ErrorCategory>>;

void expectProtocolEnd(const SessionScript& script, std::string_view detail) {
  ASSERT_THAT(script.closed, SizeIs(1));
  EXPECT_EQ(script.closed[0].code, CloseCode::Protocol);
  EXPECT_THAT(script.closed[0].reason, HasSubstr(detail));
  EXPECT_LE(script.closed[0].reason.size(), 123u);
  const auto ended = script.all<Ended>();
  ASSERT_THAT(ended, SizeIs(1));
  ASSERT_TRUE(ended[0].cause);
  EXPECT_EQ(ended[0].cause->category, ErrorCategory::Protocol);
  EXPECT_TRUE(script.session.hasEnded());
}

TEST(WorkerSessionHostile, LateAndDoubledAnswersAreDroppedAndCounted) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.page(resultOf(id));
  script.page(resultOf(id));
  script.page(failureOf(id, ErrorCategory::Internal));
  EXPECT_THAT(script.done(), ElementsAre(id));
  EXPECT_THAT(script.failed(), IsEmpty());
  EXPECT_EQ(script.session.counters().lateAnswers, 2u);
  EXPECT_FALSE(script.session.hasEnded());
}

TEST(WorkerSessionHostile, AnAnswerToWhatWasNeverAskedEndsIt) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.page(resultOf(id + 1));
  expectProtocolEnd(script, "bad_answer: ");
  EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::WorkerLost}}));
}

TEST(WorkerSessionHostile, AnAnswerOfTheWrongKindEndsIt) {
  for (int kind = 0; kind < 8; ++kind) {
    SCOPED_TRACE(kind);
    SessionScript script;
    script.connect();
    const auto run = script.submit(runOf());
    const auto load = script.submit(loadOf());
    switch (kind) {
      case 0:
        script.page(loadedOf(run));
        break;
      case 1:
        script.page(resultOf(load));
        break;
      case 2:
        script.page(wire::Unloaded{run});
        break;
      case 3:
        script.page(wire::Stats{run, {}, {}});
        break;
      case 4:
        script.page(wire::EchoResult{run, {}});
        break;
      case 5:
        script.page(wire::Drained{run});
        break;
      case 6:
        script.page(wire::Progress{run, wire::LoadPhase::Fetch, 0, 0, ""});
        break;
      default:
        script.page(loadedOf(load, "another"));
        break;
    }
    expectProtocolEnd(script, "bad_answer: ");
    EXPECT_EQ(script.failed(),
              (Failures{{run, ErrorCategory::WorkerLost}, {load, ErrorCategory::WorkerLost}}));
  }
}

TEST(WorkerSessionHostile, ABackendIsNeverSubstituted) {
  SessionScript script;
  script.connect();
  auto loaded = loadedOf(script.submit(loadOf()));
  loaded.backend = wire::Backend::Wasm;
  script.page(loaded);
  expectProtocolEnd(script, "another backend");
}

TEST(WorkerSessionHostile, HostileFramesEndIt) {
  const std::string good(frameOf(resultOf(1)).text());
  auto lying = good;
  lying[8] = '\x7f';
  const std::vector<std::string> frames{
      "",
      "garbage",
      std::string(100, '\0'),
      good.substr(0, good.size() - 1),
      lying,
      std::string(frameOf(wire::PageMessage(wire::Hello{})).text()),
      std::string(frameOf(wire::PageMessage(wire::Pong{99})).text())};
  for (const auto& frame : frames) {
    SessionScript script;
    script.connect();
    const auto id = script.submit(runOf());
    script.raw(frame);
    expectProtocolEnd(script, ": ");
    EXPECT_EQ(script.failed(), (Failures{{id, ErrorCategory::WorkerLost}}));
    script.page(resultOf(id));
    EXPECT_EQ(script.session.counters().staleFrames, 1u);
    EXPECT_THAT(script.done(), IsEmpty());
  }
}

TEST(WorkerSessionHostile, AFrameAboveTheAnnouncedLimitEndsIt) {
  auto options = SessionScript::defaults();
  options.limits.maxFrame = 4096;
  SessionScript script(options);
  script.connect();
  EXPECT_EQ(std::get<wire::Welcome>(script.frames[0].message).maxFrameSize, 4096u);
  auto result = resultOf(script.submit(runOf()));
  result.outputs[0] = {"y", DataType::Uint8, {8192}, Bytes::adopt(std::string(8192, 'x'))};
  script.page(result);
  expectProtocolEnd(script, "frame_too_large: ");
}

TEST(WorkerSessionHostile, MessagesOfANewerPageAreIgnored) {
  SessionScript script;
  script.connect();
  script.raw(wire::joinFrame(*wire::encodeFrame({{"type", "dance"}})).text());
  EXPECT_EQ(script.session.counters().unknownTypes, 1u);
  EXPECT_FALSE(script.session.hasEnded());
}

TEST(WorkerSessionHostile, ThePagesOwnTroubleIsTold) {
  SessionScript script;
  script.connect();
  const auto id = script.submit(runOf());
  script.page(failureOf(0, ErrorCategory::OutOfMemory, {"m1", "m2"}));
  ASSERT_THAT(script.all<PageFailed>(), SizeIs(1));
  ASSERT_THAT(script.all<ModelsLost>(), SizeIs(1));
  EXPECT_THAT(script.all<ModelsLost>()[0].models, ElementsAre("m1", "m2"));
  EXPECT_EQ(script.session.openRequests(), 1u);
  script.page(resultOf(id));
  EXPECT_THAT(script.done(), ElementsAre(id));
}

TEST(WorkerSessionHostile, DrainedWithWorkLeftIsALie) {
  SessionScript script;
  script.connect();
  const auto run = script.submit(runOf());
  const auto drain = script.submit(wire::Drain{});
  script.page(wire::Drained{drain});
  expectProtocolEnd(script, "drained before its work was");
  EXPECT_EQ(script.failed(),
            (Failures{{run, ErrorCategory::WorkerLost}, {drain, ErrorCategory::WorkerLost}}));
}

TEST(WorkerSessionHostile, AFloodOfLateAnswersTakesNoMemory) {
  SessionScript script;
  script.connect();
  for (int i = 0; i < 1000; ++i) script.page(resultOf(script.submit(runOf())));
  script.takeSent();
  for (RequestId id = 1; id <= 1000; ++id) script.page(resultOf(id));
  EXPECT_EQ(script.session.counters().lateAnswers, 1000u);
  EXPECT_THAT(script.takeSent(), SizeIs(3));  // a ping for each 256 confirmations
  for (const auto& frame : script.frames) EXPECT_LE(frame.received.size(), 256u);
}

TEST(WorkerSessionHostile, PartsOfNoAnswerEndIt) {
  for (int kind = 0; kind < 3; ++kind) {
    SessionScript script;
    script.connect();
    const auto load = script.submit(loadOf());
    const auto run = script.submit(runOf());
    const wire::Partial parts[] = {{run + 1, 0, {}}, {load, 0, {}}, {run, 1, {}}};
    script.page(parts[kind]);
    expectProtocolEnd(script, "bad_answer: ");
    EXPECT_THAT(script.idsOf<wire::Partial>(), IsEmpty());
  }
}

}  // namespace
}  // namespace webpool::session
