#include "remote/codec.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace webpool::remote {
namespace {

namespace json = boost::json;

/// As the other side reads it.
template <class T>
T travelled(const T& value) {
  auto read = fromJson<T>(json::parse(json::serialize(toJson(value))));
  EXPECT_TRUE(read) << (read ? "" : read.error().describe());
  return read ? std::move(*read) : T{};
}

ModelInfo someModel() {
  ModelInfo info;
  info.name = "a-model";
  info.task = "text-generation";
  info.dtype = "q4";
  info.cid = "bafy";
  info.bytes = 123;
  info.components = {"encoder", "decoder"};
  info.inputs = {{"text", DataType::Bytes, {-1}, {"n"}, true}};
  info.outputs = {{"out", DataType::Fp16, {1, -1}, {"", "m"}, false}};
  info.metadata = {{"author", "someone"}};
  info.weights = "random";
  info.language.emplace();
  info.language->architecture = "llama";
  info.language->context = 2048;
  info.language->chatTemplate = true;
  info.timings.fetchMs = 1.5;
  info.ranOn.backend = Backend::WebGpu;
  info.ranOn.trust = Trust::Joined;
  info.ranOn.adapter.emplace();
  info.ranOn.adapter->vendor = "google";
  info.ranOn.adapter->software = true;
  info.ranOn.adapter->features = {"shader-f16"};
  info.ranOn.placement = Placement{10, 9};
  info.ranOn.checkedBy = "golden answer";
  return info;
}

TEST(RemoteCodec, AModelArrivesAsItWas) {
  const auto sent = someModel();
  const auto got = travelled(sent);
  EXPECT_EQ(got.name, sent.name);
  EXPECT_EQ(got.components, sent.components);
  ASSERT_EQ(got.inputs.size(), 1u);
  EXPECT_EQ(got.inputs[0].type, DataType::Bytes);
  EXPECT_EQ(got.outputs.at(0).shape, (Shape{1, -1}));
  EXPECT_FALSE(got.outputs.at(0).rankKnown);
  EXPECT_EQ(got.metadata, sent.metadata);
  ASSERT_TRUE(got.language);
  EXPECT_EQ(got.language->context, 2048u);
  EXPECT_TRUE(got.language->chatTemplate);
  EXPECT_EQ(got.ranOn.backend, Backend::WebGpu);
  EXPECT_EQ(got.ranOn.trust, Trust::Joined);
  ASSERT_TRUE(got.ranOn.adapter);
  EXPECT_EQ(got.ranOn.adapter->label(), sent.ranOn.adapter->label());
  EXPECT_DOUBLE_EQ(got.ranOn.placement->share(), 0.9);
  EXPECT_EQ(toJson(got), toJson(sent)) << "and nothing else is different";
}

TEST(RemoteCodec, AnErrorKeepsItsCategoryAndHint) {
  const auto got = travelled(Error{ErrorCategory::OutOfMemory, "too large", "a smaller dtype"});
  EXPECT_EQ(got.category, ErrorCategory::OutOfMemory);
  EXPECT_EQ(got.message, "too large");
  EXPECT_EQ(got.hint, "a smaller dtype");
}

TEST(RemoteCodec, AnEarlierAnswerIsOneThereToo) {
  Inference sent;
  EXPECT_FALSE(travelled(sent).cached);
  sent.cached = true;
  sent.timings.cached = true;
  const auto got = travelled(sent);
  EXPECT_TRUE(got.cached);
  EXPECT_TRUE(got.timings.cached);
}

TEST(RemoteCodec, AStateChangeTravelsByItsAge) {
  ConnectionStats sent;
  sent.label = "chromium-0";
  sent.wasm = 7;
  sent.history = {
      {"none", "ready", "launched", "", std::chrono::steady_clock::now() - std::chrono::hours(1)}};
  const auto got = travelled(sent);
  EXPECT_EQ(got.wasm, sent.wasm);
  EXPECT_EQ(got.gpu, std::nullopt);
  ASSERT_EQ(got.history.size(), 1u);
  EXPECT_LT(got.history[0].at, std::chrono::steady_clock::now() - std::chrono::minutes(59));
}

TEST(RemoteCodec, AScalingDecisionTravelsByItsAgeInSeconds) {
  ScalingEvent sent;
  sent.model = "a-model";
  sent.action = "add";
  sent.workers = 3;
  sent.foreseen = true;
  sent.reason = "busy 87 %, above 70 %";
  sent.at = std::chrono::steady_clock::now() - std::chrono::minutes(2);
  EXPECT_NEAR(toJson(sent).at("age_s").to_number<double>(), 120, 60);
  const auto got = travelled(sent);
  EXPECT_EQ(got.model, sent.model);
  EXPECT_EQ(got.action, sent.action);
  EXPECT_EQ(got.workers, 3u);
  EXPECT_TRUE(got.foreseen);
  EXPECT_EQ(got.reason, sent.reason);
  EXPECT_GE(got.at, sent.at - std::chrono::milliseconds(1));
  EXPECT_LT(got.at, std::chrono::steady_clock::now() - std::chrono::minutes(1));
}

TEST(RemoteCodec, CallsOfAModelArriveAsTheyAre) {
  const auto got = travelled(ModelCalls{.model = "m", .waiting = 7, .running = 2, .hedged = 3});
  EXPECT_EQ(got.model, "m");
  EXPECT_EQ(got.waiting, 7u);
  EXPECT_EQ(got.running, 2u);
  EXPECT_EQ(got.hedged, 3u);
}

TEST(RemoteCodec, AnAgeThatNoClockHasIsOfNow) {
  for (const auto* text : {R"({"age_s": -5})", R"({"age_s": 1e300})"}) {
    const auto got = fromJson<ScalingEvent>(json::parse(text));
    ASSERT_TRUE(got) << text;
    EXPECT_GT(got->at, std::chrono::steady_clock::now() - std::chrono::minutes(1)) << text;
  }
}

TEST(RemoteCodec, WhatAnOlderPeerDoesNotSayKeepsItsDefault) {
  const auto got = fromJson<RunOptions>(json::parse(R"({"conversation": "c", "newer": 1})"));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->conversation, "c");
  EXPECT_EQ(got->timeout, RunOptions{}.timeout);
  EXPECT_TRUE(got->shared);
}

TEST(RemoteCodec, WhatIsOfAnotherTypeIsRefusedByName) {
  for (const auto* text : {R"({"priority": "high"})", R"({"timeout_ms": -0.5e99})", R"(7)"}) {
    EXPECT_EQ(fromJson<RunOptions>(json::parse(text)).error().category, ErrorCategory::Protocol)
        << text;
  }
  const auto wrong = fromJson<ModelOptions>(json::parse(R"({"backend": "abacus"})"));
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("'backend'"), std::string::npos);
}

}  // namespace
}  // namespace webpool::remote
