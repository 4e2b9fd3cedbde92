// The pool's memory budget, with a real browser: models go and come back, and what does not fit is
// told with the cure.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "serve_harness.h"
#include "webpool/pool.h"
#include "webpool/resource_pool_bridge.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr const char* kModel = "all-minilm-l6-v2";

class Memory : public ServeTest {
 protected:
  void TearDown() override {
    pool_.reset();
    expectNothingLeft();
  }

  void open(std::uint64_t budget, std::function<void(const std::string&)> notice = {}) {
    auto pool = ResourcePool::open({.dataFolder = sharedData(),
                                    .cacheFolder = folder() / "cache",
                                    .browsers = {"chromium"},
                                    .memoryBudget = budget,
                                    .ephemeral = true,
                                    .notice = std::move(notice)});
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
  }

  /// What the browser takes without a model, which differs from machine to machine: the sample that
  /// is taken when its page has come, as with a budget.
  std::uint64_t sampled() const {
    EXPECT_TRUE(pool_->capabilities("chromium"));
    while (true) {
      const auto connections = pool_->connections();
      if (!connections.empty() && connections.front().pss > 0) return connections.front().pss;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  /// A folder of MiniLM in fp32 and in q4, and into `alone` what the browser takes without it.
  std::filesystem::path inTwoPrecisions(std::uint64_t& alone) {
    ensureModel(kModel, "fp32");
    ensureModel(kModel, "q4");
    auto model = folder() / "minilm";
    open(0);
    alone = sampled();
    for (const auto* dtype : {"fp32", "q4"}) {
      const auto files = pool_->files(kModel, {.dtype = dtype});
      EXPECT_TRUE(files) << files.error().describe();
      if (!files) break;
      for (const auto& [path, bytes] : *files) {
        std::filesystem::create_directories((model / path).parent_path());
        std::ofstream(model / path, std::ios::binary) << bytes.text();
      }
    }
    pool_.reset();
    return model;
  }

  std::unique_ptr<ResourcePool> pool_;
};

/// Beside the browser fp32 needs 451 MiB, and q4 173.
constexpr std::uint64_t kForQ4Only = 312 * kMiB;

TEST_F(Memory, ABudgetUnderOneModelsNeedIsAnErrorWithTheCure) {
  ensureModel(kModel, "fp32");
  open(450 * kMiB);
  const auto model = pool_->load(kModel, {.backend = Backend::Wasm, .dtype = "fp32"});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().category, ErrorCategory::OutOfMemory) << model.error().describe();
  EXPECT_THAT(model.error().message, HasSubstr(kModel));
  EXPECT_FALSE(model.error().hint.empty());
}

/// A folder whose first precision does not fit, and whose second one does.
TEST_F(Memory, ALowerPrecisionIsTakenWhereTheCallerLeftThatOpen) {
  std::uint64_t alone = 0;
  const auto model = inTwoPrecisions(alone);
  std::vector<std::string> notices;
  open(alone + kForQ4Only, [&](const std::string& notice) { notices.push_back(notice); });
  const auto bound = pool_->load(
      model.native(), {.task = "text-embedding", .backend = Backend::Wasm, .dtype = "fp32"});
  ASSERT_FALSE(bound) << "the test needs a budget that fp32 does not fit in";
  ASSERT_EQ(bound.error().category, ErrorCategory::OutOfMemory) << bound.error().describe();
  const auto lowered =
      pool_->load(model.native(), {.task = "text-embedding", .backend = Backend::Wasm});
  ASSERT_TRUE(lowered) << lowered.error().describe();
  EXPECT_EQ(lowered->info().dtype, "q4");
  EXPECT_EQ(lowered->info().loweredFrom, "fp32");
  ASSERT_FALSE(notices.empty());
  EXPECT_THAT(notices.back(), HasSubstr("does not fit"));
  const std::vector<std::string> texts{"A man is playing a guitar."};
  const auto answer = lowered->embed(texts);
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->ranOn.dtype, "q4");
}

/// The same through the seed's classes, whose results say so.
TEST_F(Memory, AModelByTypeIsLoweredWhereItsPrecisionWasLeftOpen) {
  std::uint64_t alone = 0;
  const auto folderOfModel = inTwoPrecisions(alone);
  BridgeOptions options{.maxConnections = 1, .ephemeral = true};
  options.maxMemoryMb = (alone + kForQ4Only) / 1'000'000;
  options.pool.dataFolder = sharedData();
  options.pool.cacheFolder = folder() / "cache";
  options.pool.browsers = {"chromium"};
  ResourcePoolBridgeIntegration integration(options);
  ASSERT_TRUE(integration.initialize());
  const auto bound =
      integration.getModel("text_embedding", folderOfModel.native(), {.precision = 32});
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().category, ErrorCategory::OutOfMemory) << bound.error().describe();
  const auto model =
      integration.getModel("text_embedding", folderOfModel.native(), {.priorityList = {"cpu"}});
  ASSERT_TRUE(model) << model.error().describe();
  const auto result = (**model)(std::string("A man is playing a guitar."));
  ASSERT_TRUE(result.success) << result.error->describe();
  EXPECT_EQ(result.ran.dtype, "q4");
  EXPECT_THAT(result.fallback, HasSubstr("fp32 does not fit"));
}

/// A precision binds over the wire too, whether the server has the model lowered or not.
TEST_F(Memory, AServerLowersOnlyWhatItsCallerLeftOpen) {
  std::uint64_t alone = 0;
  const auto folderOfModel = inTwoPrecisions(alone);
  open(0);
  const auto described = pool_->describe(folderOfModel.native());
  ASSERT_TRUE(described) << described.error().describe();
  pool_.reset();
  auto server = start({"serve", "--browser", "chromium", "--ephemeral", "--json", "--memory-budget",
                       fmt::format("{}MiB", (alone + kForQ4Only) / kMiB)});
  ASSERT_TRUE(waitForEvent(*server, "api")) << server->soFar().err;
  PoolOptions options;
  options.url = std::string(event(*server, "api").at("url").as_string());
  auto pool = ResourcePool::open(options);
  ASSERT_TRUE(pool) << pool.error().describe();
  for (int time = 0; time < 2; ++time) {
    const auto bound = (*pool)->load(described->name, {.dtype = "fp32"});
    ASSERT_FALSE(bound);
    EXPECT_EQ(bound.error().category, ErrorCategory::OutOfMemory) << bound.error().describe();
    const auto lowered = (*pool)->load(described->name);
    ASSERT_TRUE(lowered) << lowered.error().describe();
    EXPECT_EQ(lowered->info().dtype, "q4");
    EXPECT_EQ(lowered->info().loweredFrom, "fp32");
  }
  pool->reset();
  server->signal(SIGTERM);
  EXPECT_EQ(server->wait().code, 143);
}

/// Three models for which there is not room at once: each call is answered right, the least
/// recently used goes, and what the browser takes, sampled every second, stays within 10 % of the
/// budget.
TEST_F(Memory, LeastRecentlyUsedModelsGoAndComeBack) {
  ensureModel(kModel, "fp32");
  ensureModel(kModel, "q4");
  constexpr std::uint64_t kBudget = 1250 * kMiB;
  open(kBudget);
  std::vector<Model> models;
  for (const auto* dtype : {"fp32", "q4", "fp32"}) {
    auto model = pool_->load(kModel, {.backend = Backend::Wasm, .dtype = dtype});
    ASSERT_TRUE(model) << model.error().describe();
    models.push_back(std::move(*model));
  }
  const std::vector<std::string> texts{"A man is playing a guitar."};
  std::vector<std::vector<float>> first;
  std::uint64_t most = 0;
  for (int round = 0; round < 4; ++round) {
    for (std::size_t i = 0; i < models.size(); ++i) {
      const auto answer = models[i].embed(texts);
      ASSERT_TRUE(answer) << answer.error().describe();
      if (round == 0) first.push_back(answer->vectors[0]);
      EXPECT_GT(cosineSimilarity(answer->vectors[0], first[i]), 0.99999);
      for (const auto& connection : pool_->connections()) most = std::max(most, connection.pss);
    }
  }
  std::printf("most: %.0f MiB of a budget of %.0f MiB\n", double(most) / kMiB,
              double(kBudget) / kMiB);
  EXPECT_GT(most, 0U);
  EXPECT_LE(most, kBudget * 11 / 10);
}

}  // namespace
}  // namespace webpool::functional
