#include "session/token_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session/testing/session_script.h"

namespace webpool::session {
namespace {

using namespace std::chrono_literals;
using testing::frameOf;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr base::TimePoint kStart{1h};

wire::Hello helloOf(std::string token, std::string resume = "") {
  wire::Hello hello;
  hello.token = std::move(token);
  hello.resume = std::move(resume);
  return hello;
}

/// What the gate says to the first frame of a new channel.
GateAction answer(TokenGate& gate, ChannelId channel, const Bytes& frame) {
  gate.channelOpened(channel, kStart);
  gate.frameReceived(channel, frame);
  auto actions = gate.takeActions();
  EXPECT_THAT(actions, SizeIs(1));
  return actions.at(0);
}

void expectRefused(const GateAction& action, CloseCode code) {
  const auto* close = std::get_if<CloseChannel>(&action);
  ASSERT_TRUE(close);
  EXPECT_EQ(close->code, code);
  EXPECT_LE(close->reason.size(), 123u);
}

TEST(TokenGate, ATokenOpensItsSessionOnce) {
  TokenGate gate({});
  gate.issue("token-a", "session-a");
  gate.issue("token-b", "session-b");
  const auto admitted = answer(gate, 1, frameOf(helloOf("token-b")));
  ASSERT_TRUE(std::holds_alternative<Admit>(admitted));
  EXPECT_EQ(std::get<Admit>(admitted).session, "session-b");
  EXPECT_EQ(std::get<Admit>(admitted).channel, 1u);
  expectRefused(answer(gate, 2, frameOf(helloOf("token-b"))), CloseCode::Unauthorized);
  EXPECT_TRUE(std::holds_alternative<Admit>(answer(gate, 3, frameOf(helloOf("token-a")))));
}

TEST(TokenGate, AUsedTokenOnlyResumesItsOwnSession) {
  TokenGate gate({});
  gate.issue("token-a", "session-a");
  expectRefused(answer(gate, 1, frameOf(helloOf("token-a", "session-a"))), CloseCode::Unauthorized);
  answer(gate, 2, frameOf(helloOf("token-a")));
  expectRefused(answer(gate, 3, frameOf(helloOf("token-a", "session-b"))), CloseCode::Unauthorized);
  expectRefused(answer(gate, 4, frameOf(helloOf("token-x", "session-a"))), CloseCode::Unauthorized);
  EXPECT_TRUE(
      std::holds_alternative<Admit>(answer(gate, 5, frameOf(helloOf("token-a", "session-a")))));
  gate.revoke("session-a");
  expectRefused(answer(gate, 6, frameOf(helloOf("token-a", "session-a"))), CloseCode::Unauthorized);
}

TEST(TokenGate, WrongAndMissingTokensAreUnauthorised) {
  TokenGate gate({});
  expectRefused(answer(gate, 1, frameOf(helloOf(""))), CloseCode::Unauthorized);
  gate.issue("00112233445566778899aabbccddeeff", "s");
  for (const auto* token :
       {"", "0", "00112233445566778899aabbccddeefe", "00112233445566778899aabbccddeeff0"}) {
    expectRefused(answer(gate, 2, frameOf(helloOf(token))), CloseCode::Unauthorized);
  }
}

TEST(TokenGate, TheFirstFrameMustBeAHello) {
  TokenGate gate({});
  gate.issue("t", "s");
  expectRefused(answer(gate, 1, Bytes::copyOf("GET / HTTP/1.1")), CloseCode::Protocol);
  expectRefused(answer(gate, 2, frameOf(wire::Pong{1})), CloseCode::Protocol);
  expectRefused(answer(gate, 3, {}), CloseCode::Protocol);
  expectRefused(answer(gate, 4, Bytes::adopt(std::string(1 << 20, 'x'))), CloseCode::TooLarge);
  EXPECT_TRUE(std::holds_alternative<Admit>(answer(gate, 5, frameOf(helloOf("t")))));
}

TEST(TokenGate, SilenceEndsAfterTenSeconds) {
  TokenGate gate({});
  EXPECT_EQ(gate.nextDeadline(), std::nullopt);
  gate.channelOpened(1, kStart);
  gate.channelOpened(2, kStart + 1s);
  EXPECT_EQ(gate.nextDeadline(), kStart + 10s);
  gate.tick(kStart + 9s);
  EXPECT_THAT(gate.takeActions(), IsEmpty());
  gate.tick(kStart + 10s);
  const auto actions = gate.takeActions();
  ASSERT_THAT(actions, SizeIs(1));
  expectRefused(actions[0], CloseCode::Protocol);
  EXPECT_EQ(std::get<CloseChannel>(actions[0]).channel, 1u);
  gate.channelClosed(2);
  EXPECT_EQ(gate.nextDeadline(), std::nullopt);
}

TEST(TokenGate, ARefusedChannelIsNotHeardAgain) {
  TokenGate gate({});
  gate.issue("t", "s");
  answer(gate, 1, frameOf(helloOf("wrong")));
  gate.frameReceived(1, frameOf(helloOf("t")));
  EXPECT_THAT(gate.takeActions(), IsEmpty());
}

TEST(TokenGate, SilentConnectionsAreBounded) {
  TokenGate gate({.maxPending = 2});
  gate.channelOpened(1, kStart);
  gate.channelOpened(2, kStart);
  gate.channelOpened(3, kStart);
  const auto actions = gate.takeActions();
  ASSERT_THAT(actions, SizeIs(1));
  EXPECT_EQ(std::get<CloseChannel>(actions[0]).channel, 3u);
  EXPECT_THAT(std::get<CloseChannel>(actions[0]).reason, StartsWith("too many"));
}

TEST(TokenGate, ComparesWholeTexts) {
  EXPECT_TRUE(equalInConstantTime("", ""));
  EXPECT_TRUE(equalInConstantTime("abc", "abc"));
  EXPECT_FALSE(equalInConstantTime("abc", "abd"));
  EXPECT_FALSE(equalInConstantTime("bbc", "abc"));
  EXPECT_FALSE(equalInConstantTime("abc", "ab"));
}

}  // namespace
}  // namespace webpool::session
