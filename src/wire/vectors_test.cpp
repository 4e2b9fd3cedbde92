// The frames that C++ and TypeScript must read alike (tests/vectors/wire/generate.py).
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/testing/vectors.h"

namespace webpool::wire {
namespace {

using testing::frameOf;
using testing::fromHex;
using testing::load;
using testing::text;

void expectTensors(const std::vector<Tensor>& tensors, const boost::json::array& expected) {
  ASSERT_EQ(tensors.size(), expected.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    SCOPED_TRACE(tensors[i].name);
    EXPECT_EQ(tensors[i].name, text(expected[i], "name"));
    EXPECT_EQ(dataTypeName(tensors[i].type), text(expected[i], "datatype"));
    const auto& shape = expected[i].at("shape").as_array();
    ASSERT_EQ(tensors[i].shape.size(), shape.size());
    for (std::size_t d = 0; d < shape.size(); ++d) {
      EXPECT_EQ(tensors[i].shape[d], shape[d].to_number<std::int64_t>());
    }
    EXPECT_EQ(tensors[i].data.text(), fromHex(text(expected[i], "data")).text());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensors[i].data.data()) % 8, 0u);
  }
}

void expectSame(const Frame& frame, const boost::json::value& vector) {
  EXPECT_EQ(boost::json::value(frame.header), vector.at("header"))
      << boost::json::serialize(frame.header);
  expectTensors(frame.inputs, vector.at("inputs").as_array());
  expectTensors(frame.outputs, vector.at("outputs").as_array());
}

TEST(WireVectors, ValidFramesAreRead) {
  const auto vectors = load("frames.json", "valid");
  ASSERT_GE(vectors.size(), 12u);
  for (const auto& vector : vectors) {
    SCOPED_TRACE(text(vector, "name"));
    const auto frame = decodeFrame(frameOf(vector));
    ASSERT_TRUE(frame) << frame.error().message;
    expectSame(*frame, vector);
  }
}

TEST(WireVectors, ValidFramesAreWrittenAgain) {
  for (const auto& vector : load("frames.json", "valid")) {
    SCOPED_TRACE(text(vector, "name"));
    const auto frame = decodeFrame(frameOf(vector));
    ASSERT_TRUE(frame);
    const auto pieces = encodeFrame(frame->header, frame->inputs, frame->outputs);
    ASSERT_TRUE(pieces) << pieces.error().message;
    const auto again = decodeFrame(joinFrame(*pieces));
    ASSERT_TRUE(again) << again.error().message;
    expectSame(*again, vector);
  }
}

TEST(WireVectors, InvalidFramesAreRefusedWithTheirCode) {
  const auto vectors = load("frames.json", "invalid");
  ASSERT_GE(vectors.size(), 60u);
  for (const auto& vector : vectors) {
    SCOPED_TRACE(text(vector, "name"));
    const auto frame = decodeFrame(frameOf(vector));
    ASSERT_FALSE(frame);
    EXPECT_EQ(frame.error().category, ErrorCategory::Protocol);
    EXPECT_TRUE(frame.error().message.starts_with(text(vector, "code") + ": "))
        << frame.error().message << ", expected " << text(vector, "code");
  }
}

// Each message is decoded into its struct and written from it again: a field that either direction
// forgets or misnames shows up as a difference.
TEST(WireVectors, PageMessagesGoBothWays) {
  const auto vectors = load("messages.json", "page");
  ASSERT_GE(vectors.size(), 15u);
  for (const auto& vector : vectors) {
    SCOPED_TRACE(text(vector, "name"));
    const auto message = decodePageMessage(frameOf(vector));
    ASSERT_TRUE(message) << message.error().message;
    ASSERT_TRUE(*message);
    EXPECT_EQ(messageType(**message), text(vector.at("header"), "type"));
    const auto pieces = encodeMessage(**message);
    ASSERT_TRUE(pieces) << pieces.error().message;
    const auto frame = decodeFrame(joinFrame(*pieces));
    ASSERT_TRUE(frame);
    expectSame(*frame, vector);
  }
}

TEST(WireVectors, OlderPagesAreUnderstood) {
  const auto vectors = load("messages.json", "older_page");
  ASSERT_GE(vectors.size(), 2u);
  for (const auto& vector : vectors) {
    SCOPED_TRACE(text(vector, "name"));
    const auto message = decodePageMessage(frameOf(vector));
    ASSERT_TRUE(message) << message.error().message;
    ASSERT_TRUE(*message);
    if (const auto* hello = std::get_if<Hello>(&**message)) {
      EXPECT_TRUE(hello->capabilities.coresTrusted);
      ASSERT_EQ(hello->capabilities.webnn.size(), 1u);
      EXPECT_EQ(hello->capabilities.webnn[0].runsOn, "unknown");
      EXPECT_EQ(hello->capabilities.webgpu.value().subgroupMinSize, std::nullopt);
    } else if (const auto* stats = std::get_if<Stats>(&**message)) {
      EXPECT_EQ(stats->models.at(0).wasmBytes, std::nullopt);
    } else if (const auto* loaded = std::get_if<Loaded>(&**message)) {
      EXPECT_EQ(loaded->timings.bytesCache, 7u);
      EXPECT_EQ(loaded->timings.bytesPeer, 0u);
      EXPECT_TRUE(loaded->timings.components.empty());
    } else {
      EXPECT_TRUE(std::get<RunResult>(**message).details.empty());
    }
  }
}

TEST(WireVectors, PoolMessagesGoBothWays) {
  const auto vectors = load("messages.json", "pool");
  ASSERT_GE(vectors.size(), 12u);
  for (const auto& vector : vectors) {
    SCOPED_TRACE(text(vector, "name"));
    const auto message = decodePoolMessage(frameOf(vector));
    ASSERT_TRUE(message) << message.error().message;
    ASSERT_TRUE(*message);
    const auto pieces = encodeMessage((*message)->message, (*message)->received);
    ASSERT_TRUE(pieces) << pieces.error().message;
    const auto frame = decodeFrame(joinFrame(*pieces));
    ASSERT_TRUE(frame);
    expectSame(*frame, vector);
  }
}

TEST(WireVectors, InvalidMessagesAreRefused) {
  const auto pages = load("messages.json", "invalid_page");
  ASSERT_GE(pages.size(), 60u);
  for (const auto& vector : pages) {
    SCOPED_TRACE(text(vector, "name"));
    const auto message = decodePageMessage(frameOf(vector));
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().category, ErrorCategory::Protocol);
    EXPECT_TRUE(message.error().message.starts_with("bad_message: ")) << message.error().message;
  }
  const auto pools = load("messages.json", "invalid_pool");
  ASSERT_GE(pools.size(), 20u);
  for (const auto& vector : pools) {
    SCOPED_TRACE(text(vector, "name"));
    const auto message = decodePoolMessage(frameOf(vector));
    ASSERT_FALSE(message);
    EXPECT_TRUE(message.error().message.starts_with("bad_message: ")) << message.error().message;
  }
}

}  // namespace
}  // namespace webpool::wire
