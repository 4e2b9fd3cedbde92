// A model that gets a second browser while it is busy, and loses it when it is not; and what the
// pool has learned of its runs.
#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "cli_harness.h"
#include "pool/texts.h"
#include "webpool/pool.h"
#include "webpool/stats.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class AdaptiveScaling : public CliTest {
 protected:
  void open(PoolOptions options, bool lazy = false) {
    ensureModel("all-minilm-l6-v2", "q4");
    options.dataFolder = sharedData();
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
    auto model = pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .lazy = lazy});
    ASSERT_TRUE(model) << model.error().describe();
    model_.emplace(std::move(*model));
  }

  void TearDown() override {
    model_.reset();
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

  /// They end once both browsers have answered, or when they won't.
  std::vector<std::jthread> callUntilTwoAnswer() {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 6; ++caller) {
      callers.emplace_back([this, caller] {
        const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
        for (int i = 0; !enough_ && std::chrono::steady_clock::now() < until; ++i) {
          const std::string text =
              "caller " + std::to_string(caller) + " call " + std::to_string(i);
          const auto answer = model_->embed(std::span(&text, 1));
          ASSERT_TRUE(answer) << answer.error().describe();
          const std::lock_guard lock(mutex_);
          places_.insert(answer->ranOn.connection);
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

  std::unique_ptr<ResourcePool> pool_;
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
  auto callers = callUntilTwoAnswer();
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
  callUntilTwoAnswer().clear();
  EXPECT_EQ(waitFor("add").workers, 2U);
  EXPECT_EQ(browsersUp(), 2U);
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
