// MiniLM in a real browser, against native ONNX Runtime on the same weights
// (tests/vectors/reference/minilm.json, made by tools/make-reference-vectors.py).
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "cli_harness.h"
#include "reference.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

class Embedding : public CliTest {
 protected:
  /// Embeds the reference sentences (the first `count`) one by one and returns the lowest cosine.
  double lowestCosine(Backend backend, const std::string& dtype, RanOn& ranOn,
                      std::size_t count = SIZE_MAX) {
    ensureModel("all-minilm-l6-v2", dtype);
    auto reference = readMiniLmReference(dtype);
    reference.sentences.resize(std::min(count, reference.sentences.size()));
    EXPECT_GE(reference.sentences.size(), 20u);
    auto pool = ResourcePool::open(
        {.dataFolder = sharedData(), .cacheFolder = folder() / "cache", .ephemeral = true});
    EXPECT_TRUE(pool) << pool.error().describe();
    if (!pool) return 0;
    const auto model = (*pool)->load("all-minilm-l6-v2", {.backend = backend, .dtype = dtype});
    EXPECT_TRUE(model) << model.error().describe();
    if (!model) return 0;
    double lowest = 1;
    for (std::size_t i = 0; i < reference.sentences.size(); ++i) {
      const auto result = model->embed(std::span(&reference.sentences[i], 1));
      EXPECT_TRUE(result) << result.error().describe();
      if (!result) return 0;
      EXPECT_EQ(result->vectors[0].size(), 384u);
      const auto cosine = cosineSimilarity(result->vectors[0], reference.vectors[i]);
      EXPECT_GT(cosine, 0.99) << reference.sentences[i];
      lowest = std::min(lowest, cosine);
      ranOn = result->ranOn;
    }
    std::printf("lowest cosine, %s %s: %.6f\n", std::string(backendName(backend)).c_str(),
                dtype.c_str(), lowest);
    return lowest;
  }

  static void expectRanOn(const RanOn& ranOn, Backend backend) {
    EXPECT_EQ(ranOn.label, backendName(backend));
    ASSERT_TRUE(ranOn.placement) << "the runtime told no node placement";
    EXPECT_GT(ranOn.placement->counted, 30u);
    EXPECT_GE(ranOn.placement->share(), 0.9);
  }
};

TEST_F(Embedding, Fp32OnWasmIsNative) {
  RanOn ranOn;
  EXPECT_GE(lowestCosine(Backend::Wasm, "fp32", ranOn), 0.9999);
  expectRanOn(ranOn, Backend::Wasm);
  EXPECT_FALSE(ranOn.isRealHardware());
  expectNothingLeft();
}

TEST_F(Embedding, Q4OnWasm) {
  RanOn ranOn;
  EXPECT_GE(lowestCosine(Backend::Wasm, "q4", ranOn), 0.999);
  expectRanOn(ranOn, Backend::Wasm);
}

TEST_F(Embedding, Fp32OnWebGpu) {
  RanOn ranOn;
  // Without the last two, of 87 and 184 tokens: a minute each on a software adapter.
  EXPECT_GE(lowestCosine(Backend::WebGpu, "fp32", ranOn, 22), 0.9999);
  expectRanOn(ranOn, Backend::WebGpu);
  ASSERT_TRUE(ranOn.adapter);
  // A machine without a GPU has Chromium's software adapter, and the result says so.
  EXPECT_EQ(ranOn.adapter->software, !ranOn.isRealHardware());
}

TEST_F(Embedding, Q4OnWebGpu) {
  RanOn ranOn;
  // Short and long ones: from 32 tokens on ONNX Runtime takes another kernel for attention.
  EXPECT_GE(lowestCosine(Backend::WebGpu, "q4", ranOn, 23), 0.997);
  expectRanOn(ranOn, Backend::WebGpu);
}

TEST_F(Embedding, ALineOfStandardInputIsAText) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto result = run({"run", "--model", "all-minilm-l6-v2", "--json", "--ephemeral"},
                          "first line\nsecond line\n");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto object = result.json();
  EXPECT_EQ(object.at("embeddings").as_array().size(), 2u);
  EXPECT_EQ(object.at("ran_on").at("backend"), "wasm");
}

TEST_F(Embedding, AParaphraseIsNearAndTheTextOutputSaysWhatRan) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto result = run({"run", "--task", "text-embedding", "--model", "all-minilm-l6-v2",
                           "A man is playing a guitar.", "Someone performs music with a guitar.",
                           "The stock market fell."});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("cosine similarity"));
  EXPECT_THAT(result.out, HasSubstr("ran on   wasm, chromium"));
  EXPECT_THAT(result.out, HasSubstr("cid      baf"));
}

TEST_F(Embedding, TheSecondStartAsksForNoModelByte) {
  ensureModel("all-minilm-l6-v2", "q4");
  const std::vector<std::string> command{
      "run", "--model", "all-minilm-l6-v2", "--backend", "wasm", "--json", "hello"};
  const auto first = run(command);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_GT(first.json().at("load").at("bytes_network").to_number<double>(), 54e6);
  const auto second = run(command);
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.json().at("load").at("bytes_network").to_number<double>(), 0);
  EXPECT_GT(second.json().at("load").at("bytes_cache").to_number<double>(), 54e6);
  const auto cleaned = run({"clean"});
  EXPECT_EQ(cleaned.code, 0) << cleaned.err;
  EXPECT_THAT(cleaned.out, HasSubstr("removed 1 profile folder"));
}

TEST_F(Embedding, TheDemoTellsBothBackendsTimesAndCidAndLeavesNothing) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto result = run({"demo"});
  ASSERT_EQ(result.code, 0) << result.err;
  for (const auto* text : {"cosine similarity", "wasm, chromium", "webgpu on ", "first run",
                           "warm run", "browser launch", "model CID       baf"}) {
    EXPECT_THAT(result.out, HasSubstr(text));
  }
  expectNothingLeft();
}

}  // namespace
}  // namespace webpool::functional
