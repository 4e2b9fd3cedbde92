// Every browser engine that runs on this machine, alone and all at once, each judged by native ONNX
// Runtime's answers.
#include <gmock/gmock.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "reference.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr const char* kModel = "all-minilm-l6-v2";

class Engines : public CliTest {
 protected:
  Engines() {
    const auto webnn =
        std::filesystem::path(WEBPOOL_SOURCE_DIR) / "build/tools/chromium-webnn/chromium";
    setenv("WEBPOOL_CHROMIUM_WEBNN", webnn.c_str(), 1);
  }

  void TearDown() override {
    pool_.reset();
    expectNothingLeft();
  }

  ResourcePool& open(std::vector<std::string> browsers, unsigned warmSpares = 0) {
    auto pool = ResourcePool::open({.dataFolder = sharedData(),
                                    .cacheFolder = folder() / "cache",
                                    .browsers = std::move(browsers),
                                    .warmSpares = warmSpares,
                                    .ephemeral = true});
    if (!pool) throw std::runtime_error(pool.error().describe());
    pool_ = std::move(*pool);
    return *pool_;
  }

  /// The lowest cosine of the first `count` reference sentences, one by one.
  static double lowestCosine(const Model& model, const std::string& dtype, std::size_t count) {
    const auto reference = readMiniLmReference(dtype);
    double lowest = 1;
    for (std::size_t i = 0; i < count; ++i) {
      const auto result = model.embed(std::span(&reference.sentences[i], 1));
      if (!result) {
        ADD_FAILURE() << result.error().describe();
        return 0;
      }
      lowest = std::min(lowest, cosineSimilarity(result->vectors[0], reference.vectors[i]));
    }
    return lowest;
  }

  Result<Model> load(const std::string& browser, Backend backend, const std::string& dtype) {
    ensureModel(kModel, dtype);
    return pool_->load(kModel, {.backend = backend, .browser = browser, .dtype = dtype});
  }

  void expectRight(const std::string& browser, Backend backend, const std::string& dtype,
                   double least, std::size_t count) {
    const auto model = load(browser, backend, dtype);
    ASSERT_TRUE(model) << model.error().describe();
    EXPECT_EQ(model->info().ranOn.browser, browser);
    EXPECT_EQ(model->info().ranOn.label, backendName(backend));
    const auto lowest = lowestCosine(*model, dtype, count);
    std::printf("lowest cosine, %s %s %s: %.6f\n", browser.c_str(),
                std::string(backendName(backend)).c_str(), dtype.c_str(), lowest);
    EXPECT_GE(lowest, least);
  }

  std::unique_ptr<ResourcePool> pool_;
};

TEST_F(Engines, OnePoolHoldsAllFour) {
  const std::vector<std::string> names{"chromium", "chromium-webnn", "firefox", "webkit"};
  auto& pool = open(names);
  ensureModel(kModel, "q4");
  std::vector<Model> models;
  for (const auto& name : names) {
    auto model = load(name, Backend::Wasm, "q4");
    ASSERT_TRUE(model) << model.error().describe();
    EXPECT_EQ(model->info().ranOn.browser, name);
    EXPECT_EQ(model->info().ranOn.label, "wasm");
    models.push_back(std::move(*model));
  }
  for (const auto& model : models) EXPECT_GE(lowestCosine(model, "q4", 20), 0.999);
  std::set<int> pids;
  for (const auto& connection : pool.connections()) {
    EXPECT_EQ(connection.state, "ready") << connection.label;
    EXPECT_EQ(connection.launches, 1U) << connection.label;
    pids.insert(connection.pid);
  }
  EXPECT_EQ(pids.size(), 4U);
}

TEST_F(Engines, Fp32OnWebNn) {
  open({"chromium-webnn"});
  expectRight("chromium-webnn", Backend::WebNn, "fp32", 0.9999, 20);
}

TEST_F(Engines, Fp32OnWebGpuOfFirefox) {
  open({"firefox"});
  expectRight("firefox", Backend::WebGpu, "fp32", 0.9999, 8);  // a second or more each
  EXPECT_TRUE(pool_->capabilities("firefox")->webgpu->software);
}

TEST_F(Engines, Fp16IsRefusedWithoutShaderF16AndComputedWithIt) {
  const auto path = write("half.onnx", onnx::testing::matMulModel(DataType::Fp16, 4, 4));
  auto& pool = open({"chromium", "firefox"});
  const auto refused =
      pool.load(path.native(), {.backend = Backend::WebGpu, .browser = "chromium"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("shader-f16"));

  // Where the browser is free, the pool goes on to the one that can.
  const auto model = pool.load(path.native(), {.backend = Backend::WebGpu});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.browser, "firefox");
  const auto& wanted = model->info().inputs.front();
  Tensor half{wanted.name, DataType::Fp16, {1, 4}, {}};
  constexpr std::array<std::uint16_t, 4> kOneToFour{0x3c00, 0x4000, 0x4200, 0x4400};
  half.data = Bytes::copyOf(std::as_bytes(std::span(kOneToFour)));
  const auto answer = model->run({half});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->ranOn.label, "webgpu");
}

TEST_F(Engines, SileroIsRefusedOnEveryWebGpuAndServedOnWasm) {
  ensureModel("silero-vad-v5", "fp32");
  auto& pool = open({"chromium", "firefox", "webkit"});
  for (const auto* browser : {"chromium", "firefox"}) {
    const auto refused =
        pool.load("silero-vad-v5", {.backend = Backend::WebGpu, .browser = browser});
    ASSERT_FALSE(refused) << browser;
    EXPECT_EQ(refused.error().category, ErrorCategory::WrongResult) << refused.error().describe();
  }
  for (const auto* browser : {"chromium", "firefox", "webkit"}) {
    const auto served = pool.load("silero-vad-v5", {.backend = Backend::Wasm, .browser = browser});
    EXPECT_TRUE(served) << browser << ": " << served.error().describe();
  }
}

TEST_F(Engines, ABrowserThatIsNotOfThePool) {
  auto& pool = open({"chromium"});
  ensureModel(kModel, "q4");
  const auto other = pool.load(kModel, {.browser = "firefox"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(other.error().message, HasSubstr("firefox"));
}

/// Browsers are killed while calls come: each call gets exactly one reply, and every reply is
/// either right or says that two browsers died under it.
TEST_F(Engines, EveryCallGetsOneReplyWhileBrowsersAreKilled) {
  constexpr int kCalls = 300;
  constexpr int kKillEvery = 40;  // replies
  constexpr int kCallers = 3;
  ensureModel(kModel, "q4");
  auto& pool = open({"chromium"}, 1);
  const auto model = pool.load(kModel, {.backend = Backend::Wasm, .dtype = "q4"});
  ASSERT_TRUE(model) << model.error().describe();
  const auto reference = readMiniLmReference("q4");

  std::atomic<int> next{0};
  std::atomic<int> replies{0};
  std::atomic<int> right{0};
  std::atomic<int> twoDeaths{0};
  std::atomic<int> kills{0};
  std::mutex killing;
  const auto killOne = [&] {
    const std::lock_guard lock(killing);
    for (const auto& connection : pool.connections()) {
      if (connection.pid == 0 || connection.state != "busy") continue;
      kill(connection.pid, SIGKILL);
      ++kills;
      return;
    }
  };
  {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&] {
        for (int call = next++; call < kCalls; call = next++) {
          const auto at = static_cast<std::size_t>(call) % reference.sentences.size();
          const auto result = model->embed(std::span(&reference.sentences[at], 1));
          if (result) {
            const auto cosine = cosineSimilarity(result->vectors[0], reference.vectors[at]);
            EXPECT_GE(cosine, 0.999) << reference.sentences[at];
            ++right;
          } else if (result.error().category == ErrorCategory::WorkerLost) {
            EXPECT_THAT(result.error().message, HasSubstr("browsers were lost under this job"));
            ++twoDeaths;
          } else {
            ADD_FAILURE() << result.error().describe();
          }
          if (++replies % kKillEvery == 0) killOne();
        }
      });
    }
  }
  std::printf("%d calls, %d right, %d lost to two deaths, %d browsers killed\n", replies.load(),
              right.load(), twoDeaths.load(), kills.load());
  EXPECT_EQ(replies, kCalls);
  EXPECT_EQ(right + twoDeaths, kCalls);
  EXPECT_GE(kills, 3);
}

}  // namespace
}  // namespace webpool::functional
