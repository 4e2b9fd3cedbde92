#include "remote/message.h"

#include <gtest/gtest.h>

#include <array>

namespace webpool::remote {
namespace {

std::string twoFrames() {
  const std::array<float, 3> values{1, 2, 3};
  const auto tensor = Tensor::of<float>("x", DataType::Fp32, {3}, values);
  return *pack({{"part", 1}}) + *pack({{"last", true}}, {}, std::span(&tensor, 1));
}

TEST(RemoteMessage, FramesInPiecesOfAnySize) {
  const auto body = twoFrames();
  for (std::size_t step = 1; step <= body.size(); ++step) {
    Unpacker unpacker;
    std::vector<wire::Frame> frames;
    for (std::size_t at = 0; at < body.size(); at += step) {
      unpacker.add(std::string_view(body).substr(at, step));
      while (true) {
        auto frame = unpacker.next();
        ASSERT_TRUE(frame) << frame.error().describe();
        if (!*frame) break;
        frames.push_back(std::move(**frame));
      }
    }
    ASSERT_EQ(frames.size(), 2u) << step;
    EXPECT_EQ(frames[0].header.at("part"), 1);
    ASSERT_EQ(frames[1].outputs.size(), 1u);
    EXPECT_EQ(frames[1].outputs[0].as<float>()[2], 3);
    EXPECT_TRUE(unpacker.isBetween());
  }
}

TEST(RemoteMessage, ABodyIsOneWholeFrame) {
  const auto one = *pack({{"a", 1}});
  EXPECT_TRUE(unpack(one));
  for (const auto& body : {std::string(), one.substr(0, one.size() - 1), one + "x", one + one,
                           std::string(64, '\xff'), std::string(8, '\0') + "more"}) {
    const auto wrong = unpack(body);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().category, ErrorCategory::Protocol);
  }
}

}  // namespace
}  // namespace webpool::remote
