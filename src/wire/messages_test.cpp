#include "wire/messages.h"

#include <gtest/gtest.h>

#include <array>

#include "wire/frame.h"

namespace webpool::wire {
namespace {

template <class Message>
Bytes bytesOf(const Message& message) {
  return joinFrame(encodeMessage(message).value());
}

TEST(Messages, CapabilitiesArriveAsTyped) {
  Hello hello;
  hello.token = "t";
  hello.known = {3, 9};
  hello.capabilities.browser = {"agent", "Chromium", "156"};
  hello.capabilities.memoryGib = 8;
  hello.capabilities.webgpu = WebGpuInfo{"google", "swiftshader", "", "sw", true, false, 7, 8};
  hello.capabilities.webnn = {{"cpu", true}};
  const auto decoded = decodePageMessage(bytesOf(PageMessage(hello)));
  ASSERT_TRUE(decoded);
  const auto& read = std::get<Hello>(**decoded);
  EXPECT_EQ(read.known, hello.known);
  EXPECT_EQ(read.capabilities.browser.brand, "Chromium");
  EXPECT_EQ(read.capabilities.memoryGib, 8);
  ASSERT_TRUE(read.capabilities.webgpu);
  EXPECT_TRUE(read.capabilities.webgpu->software);
  EXPECT_EQ(read.capabilities.webgpu->maxStorageBufferBindingSize, 8u);
  ASSERT_EQ(read.capabilities.webnn.size(), 1u);
  EXPECT_EQ(read.capabilities.webnn[0].deviceType, "cpu");
}

TEST(Messages, AnErrorKeepsItsCategory) {
  const Failure failure{4, {ErrorCategory::OutOfMemory, "no room", "close tabs"}, {"m1", "m2"}};
  const auto decoded = decodePageMessage(bytesOf(PageMessage(failure)));
  ASSERT_TRUE(decoded);
  const auto& read = std::get<Failure>(**decoded);
  EXPECT_EQ(read.error.category, ErrorCategory::OutOfMemory);
  EXPECT_EQ(read.error.hint, "close tabs");
  EXPECT_EQ(read.lost, failure.lost);
}

TEST(Messages, AnUnknownCategoryIsInternal) {
  const auto decoded = decodePageMessage(joinFrame(*encodeFrame({{"type", "error"},
                                                                 {"id", 1},
                                                                 {"category", "of_tomorrow"},
                                                                 {"message", "m"},
                                                                 {"hint", ""},
                                                                 {"lost", boost::json::array()}})));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(std::get<Failure>(**decoded).error.category, ErrorCategory::Internal);
}

TEST(Messages, UnknownTypesAndKeysOfANewerPeerAreIgnored) {
  const std::array tensors{Tensor{"x", DataType::Uint8, {1}, Bytes::copyOf("x")}};
  const auto unknown = decodePageMessage(joinFrame(*encodeFrame({{"type", "dance"}}, tensors)));
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(*unknown);
  const auto more =
      decodePageMessage(joinFrame(*encodeFrame({{"type", "pong"}, {"id", 3}, {"mood", {1, 2}}})));
  ASSERT_TRUE(more);
  EXPECT_EQ(std::get<Pong>(**more).id, 3u);
}

TEST(Messages, APagesTypesAreNotThePools) {
  const auto ping = decodePageMessage(bytesOf(PoolMessage(Ping{1})));
  ASSERT_TRUE(ping);
  EXPECT_FALSE(*ping);
}

TEST(Messages, ConfirmationsTravelWithAnyMessage) {
  const std::array<RequestId, 2> received{4, 7};
  const auto pieces = encodeMessage(PoolMessage(Ping{1}), received);
  ASSERT_TRUE(pieces);
  const auto decoded = decodePoolMessage(joinFrame(*pieces));
  ASSERT_TRUE(decoded);
  EXPECT_EQ((*decoded)->received, (std::vector<RequestId>{4, 7}));
}

TEST(Messages, ALargeIntegerWrittenWithoutFractionIsAnInteger) {
  const auto frame = joinFrame(*encodeFrame({{"type", "pong"}, {"id", 3.0}}));
  const auto decoded = decodePageMessage(frame);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(std::get<Pong>(**decoded).id, 3u);
}

TEST(Messages, LongTextsForPeopleAreCutOthersRefused) {
  const Log log{LogLevel::Info, std::string(kMaxMessageBytes - 1, 'x') + "ü"};
  const auto decoded = decodePageMessage(bytesOf(PageMessage(log)));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(std::get<Log>(**decoded).message.size(), kMaxMessageBytes - 1);

  wire::Run run{1, std::string(kMaxTextBytes + 1, 'm'), {}, {}};
  const auto refused = encodeMessage(PoolMessage(run));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::InvalidArgument);
  EXPECT_EQ(refused.error().message, "run: 'model' has more than 4096 bytes");
}

TEST(Messages, OptionsTooDeepForThePageAreNotSent) {
  const auto lists = [](int levels) {
    boost::json::value nested = boost::json::array();
    for (int i = 1; i < levels; ++i) {
      boost::json::array outer;
      outer.push_back(std::move(nested));
      nested = std::move(outer);
    }
    return nested;
  };
  // The header and `parameters` are two levels of 32.
  wire::Run run{1, "m", {}, {{"a", lists(30)}}};
  EXPECT_TRUE(decodePoolMessage(bytesOf(PoolMessage(run))));
  run.parameters["a"] = lists(31);
  EXPECT_FALSE(encodeMessage(PoolMessage(run)));
}

TEST(Messages, InputsWithWrongSizesAreNotSent) {
  wire::Run run{1, "m", {{"x", DataType::Fp32, {2}, Bytes::copyOf("1234")}}, {}};
  const auto refused = encodeMessage(PoolMessage(run));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::InvalidInput);
}

}  // namespace
}  // namespace webpool::wire
