// Calls of several callers that share a run of a real browser: each gets its own answer, whatever
// becomes of the others.
#include <gmock/gmock.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli_harness.h"
#include "pool/texts.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::Each;
using testing::Ge;

/// Answers as they come, by the number of the call.
class Answers {
 public:
  explicit Answers(std::size_t calls) : answers_(calls) {}

  std::function<void(Result<Inference>)> of(std::size_t call) {
    return [this, call](Result<Inference> answer) {
      const std::lock_guard lock(mutex_);
      EXPECT_FALSE(answers_[call]) << call << " was answered twice";
      answers_[call] = std::move(answer);
      ++came_;
      changed_.notify_all();
    };
  }
  const std::vector<std::optional<Result<Inference>>>& all() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return came_ == answers_.size(); });
    return answers_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<Result<Inference>>> answers_;
  std::size_t came_ = 0;
};

class Batching : public CliTest {
 protected:
  void open(PoolOptions options = {}) {
    ensureModel("all-minilm-l6-v2", "q4");
    options.dataFolder = sharedData();
    options.cacheFolder = folder() / "cache";
    options.ephemeral = true;
    auto pool = ResourcePool::open(std::move(options));
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

  void ask(const std::string& text, std::function<void(Result<Inference>)> done,
           const RunOptions& options = {}) {
    model_->runAsync({pool::textTensor(std::span(&text, 1))}, options, std::move(done));
  }

  std::uint64_t runs() const { return pool_->connections().at(0).jobs; }

  static std::vector<float> vectorOf(const Inference& answer) {
    const auto values = answer.outputs.at(0).as<float>();
    return {values.begin(), values.end()};
  }

  /// Of lengths from a word to some hundred.
  static std::vector<std::string> texts(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) {
      std::string text = "Text number " + std::to_string(i);
      for (std::size_t k = 0; k < i * i % 60; ++k) text += " and word " + std::to_string(k * i);
      all.push_back(std::move(text));
    }
    return all;
  }

  /// Keeps the worker busy, so that what comes meanwhile waits.
  void occupy(Answers& answers, std::size_t first) {
    for (std::size_t i = 0; i < 2; ++i) {
      std::string text = "busy " + std::to_string(i);
      for (int k = 0; k < 150; ++k) text += " busy";
      ask(text, answers.of(first + i));
    }
  }

  std::unique_ptr<ResourcePool> pool_;
  std::optional<Model> model_;
};

TEST_F(Batching, EachCallerGetsItsOwnAnswer) {
  open();
  const auto all = texts(60);
  std::vector<std::vector<float>> alone;
  for (const auto& text : all) {
    const auto result = model_->embed(std::span(&text, 1));
    ASSERT_TRUE(result) << result.error().describe();
    alone.push_back(result->vectors[0]);
  }
  const auto before = runs();
  Answers answers(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) ask(all[i], answers.of(i));
  std::vector<double> cosines;
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& answer = *answers.all()[i];
    ASSERT_TRUE(answer) << answer.error().describe();
    cosines.push_back(cosineSimilarity(vectorOf(*answer), alone[i]));
    largest = std::max(largest, answer->batchItems);
  }
  EXPECT_THAT(cosines, Each(Ge(0.9999)));
  EXPECT_GT(largest, 4u);
  EXPECT_LE(largest, 16u);
  EXPECT_LT(runs() - before, all.size() / 2);
}

TEST_F(Batching, EqualCallsUnderWayAreOneRun) {
  open();
  const auto before = runs();
  constexpr std::size_t kCalls = 40;
  Answers answers(kCalls + 2);
  occupy(answers, kCalls);
  for (std::size_t i = 0; i < kCalls; ++i) ask("the very same", answers.of(i));
  const auto& all = answers.all();
  for (const auto& answer : all) ASSERT_TRUE(*answer) << answer->error().describe();
  for (std::size_t i = 1; i < kCalls; ++i) EXPECT_EQ(vectorOf(**all[i]), vectorOf(**all[0]));
  EXPECT_EQ(runs() - before, 3u);  // those that kept it busy, and one
}

TEST_F(Batching, WhoWantsItsOwnRunHasIt) {
  open();
  const auto before = runs();
  RunOptions own;
  own.shared = false;
  Answers answers(4);
  for (std::size_t i = 0; i < 4; ++i) ask("the very same", answers.of(i), own);
  for (const auto& answer : answers.all()) {
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->batchItems, 1u);
  }
  EXPECT_EQ(runs() - before, 4u);
}

TEST_F(Batching, WhoLeavesTakesNobodyAlong) {
  open();
  const auto all = texts(20);
  std::stop_source stop;
  Answers answers(all.size() + 2);
  occupy(answers, all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    RunOptions options;
    if (i % 4 == 0) options.stop = stop.get_token();
    ask(all[i], answers.of(i), options);
  }
  stop.request_stop();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& answer = *answers.all()[i];
    if (i % 4 != 0) {
      EXPECT_TRUE(answer) << answer.error().describe();
    } else if (!answer) {
      EXPECT_EQ(answer.error().category, ErrorCategory::Cancelled) << answer.error().describe();
    }
  }
  EXPECT_EQ(pool_->connections().at(0).launches, 1u);
}

TEST_F(Batching, ACallWaitsNoLongerThanItsDeadline) {
  open();
  Answers answers(3);
  occupy(answers, 0);
  RunOptions soon;
  soon.timeout = std::chrono::milliseconds(1);
  ask("too late", answers.of(2), soon);
  const auto& all = answers.all();
  ASSERT_FALSE(*all[2]);
  EXPECT_EQ(all[2]->error().category, ErrorCategory::Timeout) << all[2]->error().describe();
  EXPECT_TRUE(*all[0]);
  EXPECT_TRUE(*all[1]);
}

TEST_F(Batching, WhatFindsTheQueueFullIsToldSo) {
  open({.queueCapacity = 3});
  const auto all = texts(30);
  Answers answers(all.size() + 2);
  occupy(answers, all.size());
  for (std::size_t i = 0; i < all.size(); ++i) ask(all[i], answers.of(i));
  std::size_t refused = 0;
  for (const auto& answer : answers.all()) {
    if (*answer) continue;
    EXPECT_EQ(answer->error().category, ErrorCategory::Busy) << answer->error().describe();
    ++refused;
  }
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, all.size());
}

TEST_F(Batching, OneMayBeTheMost) {
  open({.maxBatch = 1});
  const auto all = texts(8);
  Answers answers(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) ask(all[i], answers.of(i));
  for (const auto& answer : answers.all()) {
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->batchItems, 1u);
  }
}

}  // namespace
}  // namespace webpool::functional
