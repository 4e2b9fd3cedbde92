// A model that gets a second browser while it is busy, and loses it when it is not; and what the
// pool has learned of its runs.
#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
#include "pool/texts.h"
#include "webpool/pool.h"
#include "webpool/stats.h"

namespace webpool::functional {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

class AdaptiveScaling : public CliTest {
 protected:
  void openPool(PoolOptions options) {
    options.cacheFolder = folder() / "cache";
    options.ephemeral = true;
    options.onScaling = [this](const ScalingEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      changed_.notify_all();
    };
    auto pool = ResourcePool::open(std::move(options));
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
  }

  void open(PoolOptions options, bool lazy = false) {
    ensureModel("all-minilm-l6-v2", "q4");
    options.dataFolder = sharedData();
    ASSERT_NO_FATAL_FAILURE(openPool(std::move(options)));
    auto model = pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .lazy = lazy});
    ASSERT_TRUE(model) << model.error().describe();
    model_.emplace(std::move(*model));
  }

  /// A model of an encoder, which returns its input, and a decoder that has something to do. The
  /// decoder is not loaded yet; model_ is that.
  void openDecoder(PoolOptions options) {
    options.dataFolder = folder() / "data";
    ASSERT_NO_FATAL_FAILURE(openPool(std::move(options)));
    std::filesystem::create_directories(folder() / "pair/onnx");
    write("pair/onnx/encoder_model.onnx", onnx::testing::identityModel(DataType::Fp32, {"n"}));
    write("pair/onnx/decoder_model_merged.onnx",
          onnx::testing::matMulModel(DataType::Fp32, kWidth, kWidth));
    const auto encoder = pool_->load((folder() / "pair").native(),
                                     {.backend = Backend::Wasm, .component = "encoder_model"});
    ASSERT_TRUE(encoder) << encoder.error().describe();
    auto decoder = encoder->component("decoder_model_merged");
    ASSERT_TRUE(decoder) << decoder.error().describe();
    encoder_.emplace(*encoder);
    model_.emplace(std::move(*decoder));
  }

  void TearDown() override {
    model_.reset();
    encoder_.reset();
    pool_.reset();
    expectNothingLeft();
  }

  /// Nothing of one that does not come.
  ScalingEvent waitFor(const std::string& action) {
    std::unique_lock lock(mutex_);
    const auto found = [&] { return std::ranges::find(events_, action, &ScalingEvent::action); };
    const bool came =
        changed_.wait_for(lock, std::chrono::minutes(2), [&] { return found() != events_.end(); });
    return came ? *found() : ScalingEvent{};
  }

  Result<RanOn> embed(int caller, int call) {
    const std::string text = "caller " + std::to_string(caller) + " call " + std::to_string(call);
    const auto answer = model_->embed(std::span(&text, 1));
    if (!answer) return std::unexpected(answer.error());
    return answer->ranOn;
  }

  Result<RanOn> multiply(int caller, int call) {
    constexpr std::int64_t kRows = 64;
    const std::vector<float> values(kRows * kWidth, static_cast<float>(caller + 10 * call));
    const auto answer =
        model_->run({Tensor::of<float>("x", DataType::Fp32, {kRows, kWidth}, values)});
    if (!answer) return std::unexpected(answer.error());
    return answer->ranOn;
  }

  using Call = std::function<Result<RanOn>(int caller, int call)>;

  /// They end once both browsers have answered, or when they won't.
  std::vector<std::jthread> callUntilTwoAnswer(const Call& ask) {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 6; ++caller) {
      callers.emplace_back([this, caller, ask] {
        const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
        for (int i = 0; !enough_ && std::chrono::steady_clock::now() < until; ++i) {
          const auto ranOn = ask(caller, i);
          ASSERT_TRUE(ranOn) << ranOn.error().describe();
          const std::lock_guard lock(mutex_);
          places_.insert(ranOn->connection);
          if (places_.size() == 2) enough_ = true;
        }
      });
    }
    return callers;
  }

  std::size_t browsersUp() const {
    const auto all = pool_->connections();
    return static_cast<std::size_t>(
        std::ranges::count_if(all, [](const auto& browser) { return browser.pid != 0; }));
  }

  static constexpr std::int64_t kWidth = 2048;

  std::unique_ptr<ResourcePool> pool_;
  std::optional<Model> encoder_;
  std::optional<Model> model_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ScalingEvent> events_;
  std::atomic<bool> enough_ = false;
  std::set<std::string> places_;
};

TEST_F(AdaptiveScaling, ABusyModelGetsASecondBrowserAndLosesItWhenItIsIdle) {
  open({.browsers = {"chromium"},
        .maxConnections = 2,
        .scalingCooldown = std::chrono::seconds(2),
        .maxBatch = 1});
  auto callers = callUntilTwoAnswer([this](int caller, int call) { return embed(caller, call); });
  const auto added = waitFor("add");
  EXPECT_EQ(added.workers, 2U);
  EXPECT_THAT(added.reason, Not(IsEmpty()));
  callers.clear();
  EXPECT_EQ(browsersUp(), 2U);
  const auto drained = waitFor("drain");
  EXPECT_EQ(drained.workers, 1U);
  while (browsersUp() > 1) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::string last = "it still answers";
  EXPECT_TRUE(model_->embed(std::span(&last, 1)));
  const auto told = pool_->scalingEvents();
  ASSERT_GE(told.size(), 2U);
  EXPECT_EQ(told.front().action, "add");
}

TEST_F(AdaptiveScaling, AModelThatWasLoadedByItsFirstCallScalesToo) {
  open({.browsers = {"chromium"}, .maxConnections = 2, .maxBatch = 1}, true);
  EXPECT_EQ(browsersUp(), 0U);
  callUntilTwoAnswer([this](int caller, int call) { return embed(caller, call); }).clear();
  EXPECT_EQ(waitFor("add").workers, 2U);
  EXPECT_EQ(browsersUp(), 2U);
}

TEST_F(AdaptiveScaling, AGraphThatWasLoadedByItsFirstCallScalesAndTheOthersOfItsModelDoNot) {
  openDecoder({.browsers = {"chromium"}, .maxConnections = 2, .maxBatch = 1});
  ASSERT_TRUE(model_);
  EXPECT_EQ(browsersUp(), 1U);
  EXPECT_THAT(pool_->connections().at(0).models, ElementsAre(EndsWith("/encoder_model")))
      << "the decoder waits for its first call";
  callUntilTwoAnswer([this](int caller, int call) { return multiply(caller, call); }).clear();
  EXPECT_EQ(waitFor("add").workers, 2U);
  EXPECT_EQ(browsersUp(), 2U);
  std::vector<std::string> graphs;
  for (const auto& browser : pool_->connections()) {
    for (const auto& graph : browser.models) graphs.push_back(graph.substr(graph.rfind('/')));
  }
  EXPECT_THAT(graphs, UnorderedElementsAre("/encoder_model", "/decoder_model_merged",
                                           "/decoder_model_merged"));
}

TEST_F(AdaptiveScaling, AmongBrowsersThatThePoolFindsTheSecondWorkerIsOneOfAnotherFamily) {
  open({.browsers = {"auto"}, .scalingCooldown = std::chrono::seconds(2), .maxBatch = 1});
  EXPECT_EQ(browsersUp(), 1U);
  callUntilTwoAnswer([this](int caller, int call) { return embed(caller, call); }).clear();
  EXPECT_EQ(waitFor("add").workers, 2U);
  std::set<std::string> names;
  for (const auto& browser : pool_->connections()) names.insert(browser.browser);
  EXPECT_GE(names.size(), 2U);
}

TEST_F(AdaptiveScaling, NothingScalesWhereItIsNotWanted) {
  open({.browsers = {"chromium"}, .maxConnections = 2, .adaptiveScaling = false, .maxBatch = 1});
  for (int i = 0; i < 60; ++i) {
    const std::string text = "text " + std::to_string(i);
    ASSERT_TRUE(model_->embed(std::span(&text, 1)));
  }
  EXPECT_THAT(pool_->scalingEvents(), IsEmpty());
  EXPECT_EQ(browsersUp(), 1U);
}

TEST_F(AdaptiveScaling, WhatRunsTookIsKnownTheNextTime) {
  open({.browsers = {"chromium"}});
  for (int i = 0; i < 20; ++i) {
    const std::string text = "text " + std::to_string(i);
    ASSERT_TRUE(model_->embed(std::span(&text, 1)));
  }
  model_.reset();
  pool_->close();
  const auto kept = base::readFile(folder() / "cache/run-times.json", 1 << 20);
  ASSERT_TRUE(kept) << kept.error().describe();
  EXPECT_THAT(*kept, HasSubstr(R"("browser":"chromium")"));
  EXPECT_THAT(*kept, HasSubstr(R"("numbers":[)"));
}

}  // namespace
}  // namespace webpool::functional
