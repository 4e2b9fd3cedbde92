// Calls of several callers that share a run of a real browser: each gets its own answer, whatever
// becomes of the others.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli_harness.h"
#include "onnx/testing/model_builder.h"
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
  const auto all = texts(30);
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

TEST_F(Batching, WhatWaitsAndWhatRunsIsTold) {
  open();
  const auto told = [&] {
    const auto all = pool_->calls();
    EXPECT_EQ(all.size(), 1u);
    EXPECT_EQ(all.at(0).model, "all-minilm-l6-v2");
    return all.at(0);
  };
  EXPECT_EQ(told().waiting + told().running, 0u);
  // One whose first call has to bring it waits for that, however fast the machine is.
  const auto lazy = pool_->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .lazy = true});
  ASSERT_TRUE(lazy) << lazy.error().describe();
  const auto all = texts(3);
  Answers answers(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    lazy->runAsync({pool::textTensor(std::span(&all[i], 1))}, {}, answers.of(i));
  }
  EXPECT_EQ(told().waiting, 3u) << "models of one name are counted together";
  for (const auto& answer : answers.all()) EXPECT_TRUE(*answer);

  std::atomic<bool> seen = false;
  std::jthread caller([&] {
    for (int i = 0; !seen; ++i) {
      const auto text = "call " + std::to_string(i);
      ASSERT_TRUE(model_->embed(std::span(&text, 1)));
    }
  });
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!seen && std::chrono::steady_clock::now() < until) seen = told().running == 1;
  EXPECT_TRUE(seen);
  seen = true;
  caller.join();
  while (told().waiting + told().running > 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  EXPECT_EQ(told().waiting + told().running, 0u);
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

TEST_F(Batching, ACallMayWantASmallerRun) {
  open();
  const auto all = texts(12);
  Answers answers(all.size() + 2);
  occupy(answers, all.size());
  RunOptions few;
  few.maxBatch = 3;
  for (std::size_t i = 0; i < all.size(); ++i) ask(all[i], answers.of(i), few);
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& answer = *answers.all()[i];
    ASSERT_TRUE(answer) << answer.error().describe();
    largest = std::max(largest, answer->batchItems);
  }
  EXPECT_EQ(largest, 3u);
}

TEST_F(Batching, AnIdleWorkerWaitsForOthersWhereThatIsWanted) {
  open({.maxBatch = 4, .maxQueueDelay = std::chrono::minutes(5)});
  const auto all = texts(4);
  Answers answers(all.size());
  // The fourth completes the batch, long before the delay is over.
  for (std::size_t i = 0; i < all.size(); ++i) ask(all[i], answers.of(i));
  for (const auto& answer : answers.all()) {
    ASSERT_TRUE(*answer) << answer->error().describe();
    EXPECT_EQ((*answer)->batchItems, 4u);
  }
}

TEST_F(Batching, TheDelayEnds) {
  open({.maxQueueDelay = std::chrono::milliseconds(200)});
  Answers answers(1);
  ask("alone", answers.of(0));
  ASSERT_TRUE(*answers.all()[0]) << answers.all()[0]->error().describe();
  EXPECT_GE((*answers.all()[0])->timings.totalMs, 200);
}

TEST_F(Batching, ACallWhoseTurnCannotComeInTimeIsRefusedAtOnce) {
  open({.maxBatch = 1});
  const auto all = texts(20);
  Answers answers(all.size() + 1);
  double shortest = 1e9;
  {
    // The pool has seen how long runs take.
    const auto before = texts(5);
    Answers first(before.size());
    for (std::size_t i = 0; i < before.size(); ++i) ask(before[i] + " first", first.of(i));
    for (const auto& answer : first.all()) {
      ASSERT_TRUE(*answer);
      shortest = std::min(shortest, (*answer)->timings.runMs);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) ask(all[i], answers.of(i));
  // Enough for one alone, and not for one behind twenty.
  RunOptions soon;
  soon.timeout = std::chrono::milliseconds(static_cast<int>(4 * shortest) + 1);
  ask("never in time", answers.of(all.size()), soon);
  const auto& late = *answers.all()[all.size()];
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().category, ErrorCategory::Busy) << late.error().describe();
  EXPECT_THAT(late.error().message, testing::HasSubstr("deadline can't be met"));
  EXPECT_TRUE(late.error().retryAfter);
  // With nobody before it, it is no matter of what waits.
  soon.timeout = std::chrono::milliseconds(1);
  const std::string alone = "alone, and never in time";
  const auto never = model_->embed(std::span(&alone, 1), soon);
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().category, ErrorCategory::Timeout) << never.error().describe();
  EXPECT_THAT(never.error().message, testing::HasSubstr("deadline can't be met"));
  EXPECT_FALSE(never.error().retryAfter);
}

TEST_F(Batching, AnswersAreKeptWhereThatIsWanted) {
  open({.answerCache = 1 << 20});
  const auto asked = [&](const std::string& text) {
    Answers answers(1);
    ask(text, answers.of(0));
    auto answer = *answers.all()[0];
    EXPECT_TRUE(answer) << answer.error().describe();
    return answer.value_or(Inference{});
  };
  const auto first = asked("the very same");
  const auto before = runs();
  const auto second = asked("the very same");
  EXPECT_EQ(runs(), before) << "nothing ran";
  EXPECT_FALSE(first.cached);
  EXPECT_TRUE(second.cached);
  EXPECT_EQ(second.timings.runMs, 0);
  EXPECT_EQ(vectorOf(first), vectorOf(second));
  EXPECT_FALSE(asked("another").cached);
}

/// A graph whose first dimension is called a batch: rows of other numbers, and of another width,
/// that come at once.
TEST_F(Batching, RowsOfAGraphComeBackUnmixed) {
  open();
  const std::filesystem::path file = folder() / "identity.onnx";
  std::ofstream(file) << onnx::testing::identityModel(DataType::Fp32, {"batch", "width"});
  const auto identity = pool_->load(file.native(), {.backend = Backend::Wasm});
  ASSERT_TRUE(identity) << identity.error().describe();
  constexpr std::size_t kCalls = 300;
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < kCalls; ++i) {
    const auto rows = 1 + i % 3;
    const auto width = 2 + i % 2;
    std::vector<float> values(rows * width);
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = float(i) + float(k) / 16;
    inputs.push_back(Tensor::of<float>(
        identity->info().inputs.at(0).name, DataType::Fp32,
        {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(width)}, values));
  }
  Answers answers(kCalls);
  for (std::size_t i = 0; i < kCalls; ++i) identity->runAsync({inputs[i]}, {}, answers.of(i));
  std::uint64_t largest = 0;
  for (std::size_t i = 0; i < kCalls; ++i) {
    const auto& answer = *answers.all()[i];
    ASSERT_TRUE(answer) << answer.error().describe();
    const auto& output = answer->outputs.at(0);
    EXPECT_EQ(output.shape, inputs[i].shape);
    EXPECT_EQ(output.data.text(), inputs[i].data.text()) << i;
    largest = std::max(largest, answer->batchItems);
  }
  EXPECT_GT(largest, 3u);
}

/// Tokens of several texts come in one list; and a text that can't be answered is only its own
/// caller's trouble.
TEST_F(Batching, TokensGoToTheTextTheyAreOf) {
  open();
  std::filesystem::path models;
  ensureRandomModels(models);
  const auto filler = pool_->load((models / "random-bert-fill-mask").native(), {});
  ASSERT_TRUE(filler) << filler.error().describe();
  const std::vector<std::string> masked{"The [MASK] is here.", "One [MASK] and one more [MASK].",
                                        "There is none in this.", "[MASK]"};
  const auto askFor = [&](const std::string& text, const RunOptions& options, auto done) {
    filler->runAsync({pool::textTensor(std::span(&text, 1))}, options, std::move(done));
  };
  RunOptions own;
  own.shared = false;
  Answers alone(masked.size());
  for (std::size_t i = 0; i < masked.size(); ++i) askFor(masked[i], own, alone.of(i));
  constexpr std::size_t kTimes = 8;
  Answers together(kTimes * masked.size());
  for (std::size_t i = 0; i < kTimes * masked.size(); ++i) {
    // Equal calls would be one.
    const auto text = masked[i % masked.size()] + std::string(i / masked.size(), ' ');
    askFor(text, {}, together.of(i));
  }
  for (std::size_t i = 0; i < kTimes * masked.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& expected = *alone.all()[i % masked.size()];
    const auto& answer = *together.all()[i];
    ASSERT_EQ(answer.has_value(), expected.has_value());
    if (!expected) {
      EXPECT_EQ(answer.error().category, ErrorCategory::InvalidInput);
      continue;
    }
    ASSERT_EQ(answer->outputs.at(0).shape, expected->outputs.at(0).shape);
    EXPECT_GE(cosineSimilarity(vectorOf(*answer), vectorOf(*expected)), 0.9999);
    const auto owners = answer->outputs.at(1).as<std::int64_t>();
    EXPECT_THAT(std::vector<std::int64_t>(owners.begin(), owners.end()), Each(0));
  }
}

}  // namespace
}  // namespace webpool::functional
