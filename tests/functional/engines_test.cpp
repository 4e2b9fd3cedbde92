// Every browser engine that runs on this machine, alone and all at once, each judged by native ONNX
// Runtime's answers.
#include <gmock/gmock.h>
#include <signal.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "pool/texts.h"
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

TEST_F(Engines, MiniLmInFp16IsRefusedByChromiumAndRightInFirefox) {
  std::filesystem::path folder;
  ASSERT_NO_FATAL_FAILURE(ensureMiniLmInFp16(folder));
  auto& pool = open({"chromium", "firefox"});
  ModelOptions options{
      .task = "text-embedding", .backend = Backend::WebGpu, .browser = "chromium", .dtype = "fp16"};
  const auto refused = pool.load(folder.native(), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::Unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("shader-f16"));

  options.browser = "firefox";
  const auto model = pool.load(folder.native(), options);
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.label, "webgpu");
  EXPECT_EQ(model->info().ranOn.checkedBy, "golden file");
  // Against fp32's vectors; a second or more each.
  EXPECT_GE(lowestCosine(*model, "fp32", 3), 0.999);
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

/// Every five seconds a browser is killed, while calls come: each call gets exactly one reply, and
/// every reply is either right or says that two browsers died under it.
TEST_F(Engines, EveryCallGetsOneReplyWhileBrowsersAreKilled) {
  constexpr std::size_t kCalls = 500;
  constexpr unsigned kKills = 5;  // at least; calls go on until then
  constexpr unsigned kCallers = 3;
  constexpr std::chrono::seconds kBetweenKills{5};
  ensureModel(kModel, "q4");
  auto& pool = open({"chromium"}, 1);
  auto loaded = load("chromium", Backend::Wasm, "q4");
  ASSERT_TRUE(loaded) << loaded.error().describe();
  std::optional<Model> model(std::move(*loaded));
  const auto reference = readMiniLmReference("q4");

  std::mutex mutex;  // for what follows
  std::deque<unsigned> replies;
  unsigned right = 0;
  unsigned twoDeaths = 0;
  unsigned kills = 0;
  const auto replied = [&](std::size_t call, const Result<Inference>& result) {
    const std::lock_guard lock(mutex);
    if (result) {
      const auto values = result->outputs.at(0).as<float>();
      const auto at = call % reference.sentences.size();
      const std::vector<float> vector(values.begin(), values.end());
      EXPECT_GE(cosineSimilarity(vector, reference.vectors[at]), 0.999) << reference.sentences[at];
      ++right;
    } else if (result.error().category == ErrorCategory::WorkerLost) {
      EXPECT_THAT(result.error().message, HasSubstr("browsers were lost under this job"));
      ++twoDeaths;
    } else {
      ADD_FAILURE() << result.error().describe();
    }
    return ++replies[call];
  };
  const auto callOnAndOn = [&] {
    while (true) {
      std::size_t call = 0;
      {
        const std::lock_guard lock(mutex);
        if (replies.size() >= kCalls && kills >= kKills) return;
        call = replies.size();
        replies.push_back(0);
      }
      auto first = std::make_shared<std::promise<void>>();
      const auto& sentence = reference.sentences[call % reference.sentences.size()];
      model->runAsync({pool::textTensor(std::span(&sentence, 1))}, {},
                      [&replied, call, first](const Result<Inference>& result) {
                        if (replied(call, result) == 1) first->set_value();
                      });
      first->get_future().wait();
    }
  };
  const auto killOne = [&] {
    std::vector<int> pids;
    for (const auto& connection : pool.connections()) {
      if (connection.pid > 0) pids.push_back(connection.pid);
    }
    const std::lock_guard lock(mutex);
    if (!pids.empty() && kill(pids[kills % pids.size()], SIGKILL) == 0) ++kills;
  };
  {
    // The time between kills is the load that is put on the pool, and nothing is measured by it.
    std::jthread killer([&](const std::stop_token& stop) {
      std::mutex sleep;
      std::unique_lock lock(sleep);
      std::condition_variable_any over;
      for (auto next = std::chrono::steady_clock::now() + kBetweenKills;; next += kBetweenKills) {
        over.wait_until(lock, stop, next, [] { return false; });
        if (stop.stop_requested()) return;
        killOne();
      }
    });
    std::vector<std::jthread> callers;
    for (unsigned caller = 0; caller < kCallers; ++caller) callers.emplace_back(callOnAndOn);
  }
  model.reset();
  pool_.reset();  // no reply comes after this
  std::printf("%zu calls, %u right, %u lost to two deaths, %u browsers killed\n", replies.size(),
              right, twoDeaths, kills);
  EXPECT_THAT(replies, testing::Each(1U));
  EXPECT_EQ(right + twoDeaths, replies.size());
}

}  // namespace
}  // namespace webpool::functional
