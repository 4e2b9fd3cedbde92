#include "wire/frame.h"

#include <gtest/gtest.h>

#include <array>

namespace webpool::wire {
namespace {

Tensor floats(std::string name, std::size_t count) {
  const std::vector<float> values(count, 1.5f);
  return Tensor::of<float>(std::move(name), DataType::Fp32, {static_cast<std::int64_t>(count)},
                           values);
}

void expectFault(const Result<Frame>& frame, std::string_view code) {
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().category, ErrorCategory::Protocol);
  EXPECT_TRUE(frame.error().message.starts_with(code)) << frame.error().message;
}

TEST(Frame, TensorsAreNotCopiedOnTheWayOut) {
  const std::vector<Tensor> tensors{floats("a", 3), floats("b", 2)};
  const auto pieces = encodeFrame({{"type", "echo"}}, tensors);
  ASSERT_TRUE(pieces);
  ASSERT_EQ(pieces->size(), 4u);  // header, a, gap, b
  EXPECT_EQ((*pieces)[0].size() % 8, 0u);
  EXPECT_EQ((*pieces)[1].data(), tensors[0].data.data());
  EXPECT_EQ((*pieces)[2].size(), 4u);
  EXPECT_EQ((*pieces)[3].data(), tensors[1].data.data());
  EXPECT_EQ(frameSize(*pieces), joinFrame(*pieces).size());
}

TEST(Frame, TensorsAreNotCopiedOnTheWayIn) {
  const std::vector<Tensor> tensors{floats("a", 3), floats("b", 2)};
  const auto bytes = joinFrame(*encodeFrame({{"type", "echo"}}, {}, tensors));
  const auto frame = decodeFrame(bytes);
  ASSERT_TRUE(frame);
  ASSERT_EQ(frame->outputs.size(), 2u);
  for (const auto& tensor : frame->outputs) {
    EXPECT_GE(tensor.data.data(), bytes.data());
    EXPECT_LE(tensor.data.data() + tensor.data.size(), bytes.data() + bytes.size());
    EXPECT_EQ(tensor.as<float>()[1], 1.5f);
  }
}

TEST(Frame, TensorsOutliveTheFrame) {
  std::vector<Tensor> outputs;
  {
    const std::vector<Tensor> tensors{floats("a", 100)};
    outputs = decodeFrame(joinFrame(*encodeFrame({}, {}, tensors)))->outputs;
  }
  EXPECT_EQ(outputs.at(0).as<float>()[99], 1.5f);
}

TEST(Frame, AMisalignedFrameIsStillReadAligned) {
  const std::vector<Tensor> tensors{floats("a", 3)};
  const auto bytes = joinFrame(*encodeFrame({}, tensors));
  std::string shifted = "xxx";
  shifted.append(bytes.text());
  const auto frame = decodeFrame(Bytes::adopt(std::move(shifted)).slice(3, bytes.size()));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame->inputs.at(0).data.data()) % 8, 0u);
  EXPECT_EQ(frame->inputs[0].as<float>()[2], 1.5f);
}

TEST(Frame, TooManyTensorsAreRefusedBothWays) {
  std::vector<Tensor> tensors(1024, Tensor{"x", DataType::Bool, {0}, {}});
  EXPECT_TRUE(decodeFrame(joinFrame(*encodeFrame({}, tensors))));
  tensors.push_back(tensors.front());
  const auto pieces = encodeFrame({}, tensors);
  ASSERT_FALSE(pieces);
  EXPECT_EQ(pieces.error().category, ErrorCategory::InvalidArgument);
  Limits more;
  more.maxTensors = 2000;
  expectFault(decodeFrame(joinFrame(*encodeFrame({}, tensors, {}, more))), "too_many_tensors: ");
  // Both lists count together.
  const auto half = std::span(tensors).first(513);
  expectFault(decodeFrame(joinFrame(*encodeFrame({}, half, half, more))), "too_many_tensors: ");
}

TEST(Frame, AnAnnouncedSmallerLimitCounts) {
  const std::vector<Tensor> tensors{floats("a", 1000)};
  Limits small;
  small.maxFrame = 1000;
  const auto pieces = encodeFrame({}, tensors, {}, small);
  ASSERT_FALSE(pieces);
  EXPECT_EQ(pieces.error().category, ErrorCategory::InvalidArgument);
  expectFault(decodeFrame(joinFrame(*encodeFrame({}, tensors)), small), "frame_too_large: ");
}

TEST(Frame, AnOversizedHeaderIsNotSent) {
  const auto pieces = encodeFrame({{"text", std::string(1 << 20, 'x')}});
  ASSERT_FALSE(pieces);
  EXPECT_EQ(pieces.error().category, ErrorCategory::InvalidArgument);
}

TEST(Frame, WhatTheOtherSideWouldRefuseIsNotSent) {
  EXPECT_FALSE(encodeFrame({{"text", "gr\xfc\xdf"}}));
  auto lying = floats("a", 3);
  lying.shape = {4};
  EXPECT_EQ(encodeFrame({}, std::array{lying}).error().category, ErrorCategory::InvalidInput);
  lying.shape.assign(33, 1);
  EXPECT_FALSE(encodeFrame({}, std::array{lying}));
  EXPECT_FALSE(encodeFrame({}, std::array{Tensor{"x", DataType::Bool, {1ll << 60, 0}, {}}}));
}

}  // namespace
}  // namespace webpool::wire
