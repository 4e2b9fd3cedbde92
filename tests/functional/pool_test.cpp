// The library as a program uses it, with a real browser: many threads, cancelling, deadlines, and a
// model that comes back after its browser died.
#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <vector>

#include "cli_harness.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

class Pool : public CliTest {
 protected:
  void SetUp() override {
    ensureModel("all-minilm-l6-v2", "q4");
    auto pool = ResourcePool::open(
        {.dataFolder = sharedData(), .cacheFolder = folder() / "cache", .ephemeral = true});
    ASSERT_TRUE(pool) << pool.error().describe();
    pool_ = std::move(*pool);
    auto model = pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm});
    ASSERT_TRUE(model) << model.error().describe();
    model_.emplace(std::move(*model));
  }

  void TearDown() override {
    model_.reset();
    pool_.reset();
    expectNothingLeft();
  }

  Result<Embeddings> embed(const std::vector<std::string>& texts, const RunOptions& options = {}) {
    return model_->embed(texts, options);
  }

  /// Work for some seconds.
  static std::vector<std::string> muchText() {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "word ";
    return std::vector<std::string>(64, text);
  }

  std::unique_ptr<ResourcePool> pool_;
  std::optional<Model> model_;
};

TEST_F(Pool, ThreadsGetTheirOwnAnswers) {
  const std::vector<std::string> texts{"one", "a second text", "the third", "number four"};
  std::vector<std::vector<float>> alone;
  for (const auto& text : texts) alone.push_back(embed({text})->vectors[0]);
  std::vector<std::jthread> threads;
  std::vector<double> lowest(texts.size(), 1);
  for (std::size_t t = 0; t < texts.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        const auto result = embed({texts[t]});
        lowest[t] =
            result ? std::min(lowest[t], cosineSimilarity(result->vectors[0], alone[t])) : 0;
      }
    });
  }
  threads.clear();
  EXPECT_THAT(lowest, testing::Each(testing::Ge(0.99999)));
}

TEST_F(Pool, ACancelledRunEndsAndTheModelComesBack) {
  std::stop_source stop;
  std::jthread canceller([&] { stop.request_stop(); });
  const auto cancelled = embed(muchText(), {.stop = stop.get_token()});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().category, ErrorCategory::Cancelled);
  const auto next = embed({"hello"});
  EXPECT_TRUE(next) << next.error().describe();
}

TEST_F(Pool, ADeadlineEndsARunAndTheModelComesBack) {
  const auto late = embed(muchText(), {.timeout = std::chrono::milliseconds(50)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().category, ErrorCategory::Timeout);
  const auto next = embed({"hello"});
  EXPECT_TRUE(next) << next.error().describe();
}

TEST_F(Pool, AfterTheBrowserDiedAnotherIsLaunchedAndTheCallAnswered) {
  const auto before = pool_->connections();
  ASSERT_EQ(before.size(), 1U);
  ASSERT_GT(before[0].pid, 0);
  kill(before[0].pid, SIGKILL);
  const auto answer = embed({"hello"});
  ASSERT_TRUE(answer) << answer.error().describe();
  const auto after = pool_->connections();
  ASSERT_EQ(after.size(), 1U);
  EXPECT_GT(after[0].pid, 0);
  EXPECT_NE(after[0].pid, before[0].pid);
  EXPECT_EQ(after[0].launches, 2U);
}

TEST_F(Pool, ClosingFailsWhatIsOpenAndLaterCallsSaySo) {
  std::jthread closer([&] { pool_->close(); });
  const auto open = embed(muchText());
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().category, ErrorCategory::Cancelled);
  closer.join();
  EXPECT_FALSE(embed({"hello"}));
  EXPECT_FALSE(pool_->load("all-minilm-l6-v2"));
}

TEST_F(Pool, TwoModelsLiveSideBySide) {
  ensureModel("all-minilm-l6-v2", "fp32");
  auto other = pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .dtype = "fp32"});
  ASSERT_TRUE(other) << other.error().describe();
  const std::vector<std::string> texts{"A man is playing a guitar."};
  const auto q4 = embed(texts);
  const auto fp32 = other->embed(texts);
  ASSERT_TRUE(q4 && fp32);
  const auto cosine = cosineSimilarity(q4->vectors[0], fp32->vectors[0]);
  EXPECT_GT(cosine, 0.9);
  EXPECT_LT(cosine, 0.9999);  // they are not the same weights
}

using PoolOfOne = CliTest;

/// One that is there, and holds no model.
TEST_F(PoolOfOne, AnUnusedBrowserMakesPlaceForAnother) {
  ensureModel("all-minilm-l6-v2", "q4");
  auto pool = ResourcePool::open({.dataFolder = sharedData(),
                                  .cacheFolder = folder() / "cache",
                                  .browsers = {"chromium", "firefox"},
                                  .maxConnections = 1,
                                  .ephemeral = true});
  ASSERT_TRUE(pool) << pool.error().describe();
  ASSERT_TRUE((*pool)->capabilities("chromium"));
  const auto running = [&] {
    std::vector<std::string> names;
    for (const auto& connection : (*pool)->connections()) {
      if (connection.pid > 0) names.push_back(connection.browser);
    }
    return names;
  };
  EXPECT_THAT(running(), testing::ElementsAre("chromium"));
  auto model = (*pool)->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .browser = "firefox"});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_THAT(running(), testing::ElementsAre("firefox"));
  const auto other =
      (*pool)->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .browser = "chromium"});
  ASSERT_FALSE(other) << "the only place is that of a browser with a model";
  EXPECT_EQ(other.error().category, ErrorCategory::Busy);
  const std::vector<std::string> texts{"hello"};
  EXPECT_TRUE(model->embed(texts));
  model = fail(ErrorCategory::Cancelled, "let go");
  pool->reset();
  expectNothingLeft();
}

using PoolAtItsEnd = CliTest;

/// Whatever the launch has come to: a crash handler, say, that has left the browser's session and
/// does not yet show whose it is.
TEST_F(PoolAtItsEnd, DuringALaunchLeavesNothing) {
  for (int i = 0; i < 20; ++i) {
    auto pool = ResourcePool::open(
        {.dataFolder = sharedData(), .cacheFolder = folder() / "cache", .ephemeral = true});
    ASSERT_TRUE(pool) << pool.error().describe();
    (*pool)->start();
    // The moments of the launch are what is tried; nothing waits for it.
    std::this_thread::sleep_for(std::chrono::milliseconds(15 * i));
    pool->reset();
    expectNothingLeft();
  }
}

}  // namespace
}  // namespace webpool::functional
