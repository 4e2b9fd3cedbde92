// MiniLM in a real browser, against native ONNX Runtime on the same weights
// (tests/vectors/reference/minilm.json, made by tools/make-reference-vectors.py).
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>

#include "cli_harness.h"
#include "reference.h"
#include "webpool/result.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

class Embedding : public CliTest {
 protected:
  /// Embeds the reference sentences, one run each, and returns the lowest cosine.
  double lowestCosine(const std::string& backend, const std::string& dtype,
                      boost::json::object& last) {
    ensureModel("all-minilm-l6-v2", dtype);
    const auto reference = readMiniLmReference(dtype);
    EXPECT_GE(reference.sentences.size(), 20u);
    std::string lines;
    for (const auto& sentence : reference.sentences) lines += sentence + "\n";
    const auto result = run({"run", "--model", "all-minilm-l6-v2", "--backend", backend, "--dtype",
                             dtype, "--json"},
                            lines);
    EXPECT_EQ(result.code, 0) << result.err;
    if (result.code != 0) return 0;
    last = result.json();
    const auto& rows = last.at("embeddings").as_array();
    EXPECT_EQ(rows.size(), reference.sentences.size());
    double lowest = 1;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto vector = boost::json::value_to<std::vector<float>>(rows[i]);
      EXPECT_EQ(vector.size(), 384u);
      const auto cosine = cosineSimilarity(vector, reference.vectors[i]);
      EXPECT_GT(cosine, 0.99) << reference.sentences[i];
      lowest = std::min(lowest, cosine);
    }
    RecordProperty("lowest_cosine", std::to_string(lowest));
    std::printf("lowest cosine, %s %s: %.6f\n", backend.c_str(), dtype.c_str(), lowest);
    return lowest;
  }

  static void expectRanOn(const boost::json::object& result, const std::string& backend) {
    const auto& ranOn = result.at("ran_on").as_object();
    EXPECT_EQ(ranOn.at("backend"), backend);
    ASSERT_TRUE(ranOn.at("placement").is_object()) << "the runtime told no node placement";
    const auto counted = ranOn.at("placement").at("counted").to_number<double>();
    const auto there = ranOn.at("placement").at("on_backend").to_number<double>();
    EXPECT_GT(counted, 30);
    EXPECT_GE(there / counted, 0.9);
  }
};

TEST_F(Embedding, Fp32OnWasmIsNative) {
  boost::json::object result;
  EXPECT_GE(lowestCosine("wasm", "fp32", result), 0.9999);
  expectRanOn(result, "wasm");
  EXPECT_FALSE(result.at("ran_on").at("is_real_hardware").as_bool());
  expectNothingLeft();
}

TEST_F(Embedding, Q4OnWasm) {
  boost::json::object result;
  EXPECT_GE(lowestCosine("wasm", "q4", result), 0.999);
  expectRanOn(result, "wasm");
}

TEST_F(Embedding, Fp32OnWebGpu) {
  boost::json::object result;
  EXPECT_GE(lowestCosine("webgpu", "fp32", result), 0.9999);
  expectRanOn(result, "webgpu");
  const auto& adapter = result.at("ran_on").at("adapter").as_object();
  // A machine without a GPU has Chromium's software adapter, and the result says so.
  EXPECT_EQ(adapter.at("software").as_bool(), !result.at("ran_on").at("is_real_hardware").as_bool());
}

TEST_F(Embedding, Q4OnWebGpu) {
  boost::json::object result;
  EXPECT_GE(lowestCosine("webgpu", "q4", result), 0.997);
  expectRanOn(result, "webgpu");
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
  const std::vector<std::string> command{"run", "--model", "all-minilm-l6-v2", "--backend", "wasm",
                                         "--json", "hello"};
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
