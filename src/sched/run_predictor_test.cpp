#include "sched/run_predictor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace webpool::sched {
namespace {

RunKey keyOf(const std::string& model, const std::string& browser,
             const std::string& version = "1") {
  return {.model = model, .backend = "wasm", .dtype = "q4", .browser = browser, .version = version};
}

/// Runs of an engine made up for the test: base, per item and per 128 of length, and noise.
class MadeUpEngine {
 public:
  MadeUpEngine(RunTerms truth, double noise, std::uint64_t seed = 1)
      : truth_(truth), noise_(0, noise), random_(seed) {}

  RunSize size() { return {double(1 + random_() % 16), double(8 + random_() % 500)}; }
  double truth(const RunSize& size) const { return factor * timeOf(truth_, size); }
  double run(const RunSize& size) { return truth(size) * std::exp(noise_(random_)); }

  double factor = 1;

 private:
  RunTerms truth_;
  std::normal_distribution<double> noise_;
  std::mt19937_64 random_;
};

/// Teaches the key, and answers how often a drift was told.
int teach(RunPredictor& predictor, RunKeyId key, MadeUpEngine& engine, int runs) {
  int drifts = 0;
  for (int i = 0; i < runs; ++i) {
    const auto size = engine.size();
    if (predictor.observe(key, size, engine.run(size))) ++drifts;
  }
  return drifts;
}

TEST(RunPredictor, LearnsBaseItemsAndLength) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  MadeUpEngine engine({12, 3, 8}, 0.05);
  EXPECT_EQ(teach(predictor, key, engine, 300), 0);
  for (const RunSize size : {RunSize{1, 8}, {1, 500}, {16, 8}, {16, 500}, {4, 100}}) {
    const auto told = predictor.predict(key, size);
    EXPECT_NEAR(told.ms / engine.truth(size), 1, 0.1) << size.items << " × " << size.length;
    EXPECT_EQ(told.basis, Basis::OwnRuns);
  }
}

TEST(RunPredictor, ARunIsWorthTheLengthThatTakesAsLong) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  MadeUpEngine engine({16, 0, 8}, 0.05);
  EXPECT_FALSE(predictor.worthOfARun(key));
  teach(predictor, key, engine, 300);
  EXPECT_NEAR(predictor.worthOfARun(key).value(), 256, 50);
  // Of one length: what an item costs is taken to be for its length.
  const auto alike = predictor.idOf(keyOf("b", "chromium"));
  for (int i = 0; i < 100; ++i) predictor.observe(alike, {double(1 + i % 8), 64}, 10 + i % 8 * 2);
  EXPECT_NEAR(predictor.worthOfARun(alike).value(), 8 * 64 / 2, 30);
  // Length tells nothing of these.
  const auto none = predictor.idOf(keyOf("c", "chromium"));
  for (int i = 0; i < 100; ++i) predictor.observe(none, {double(1 + i % 8), 0}, 10 + i % 8 * 2);
  EXPECT_FALSE(predictor.worthOfARun(none));
}

TEST(RunPredictor, TheUncertaintyIsThatOfTheRuns) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  MadeUpEngine engine({12, 3, 8}, 0.2);
  teach(predictor, key, engine, 300);
  int within = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto size = engine.size();
    const auto told = predictor.predict(key, size);
    if (std::abs(engine.run(size) - told.ms) <= told.sigma) ++within;
  }
  EXPECT_NEAR(within, 683, 90);  // as of a normal distribution
}

TEST(RunPredictor, OneRunIsEnoughForItsLike) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  EXPECT_FALSE(predictor.observe(key, {4, 64}, 30));
  const auto told = predictor.predict(key, {4, 64});
  EXPECT_NEAR(told.ms, 30, 0.01);
  EXPECT_GT(told.sigma, 5);  // one run says little of the next
  EXPECT_GT(predictor.predict(key, {8, 64}).ms, told.ms);
}

TEST(RunPredictor, SizesThatWereNeverSeenAreLessCertain) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  for (int i = 0; i < 200; ++i) predictor.observe(key, {1, 64}, i % 2 == 0 ? 29 : 31);
  const auto usual = predictor.predict(key, {1, 64});
  const auto unusual = predictor.predict(key, {16, 64});
  EXPECT_NEAR(usual.ms, 30, 1);
  EXPECT_LT(usual.sigma / usual.ms, 0.1);
  EXPECT_GT(unusual.sigma / unusual.ms, 0.3);
}

TEST(RunPredictor, WildRunsMoveItLittle) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  MadeUpEngine engine({12, 3, 8}, 0.05);
  teach(predictor, key, engine, 200);
  for (int i = 0; i < 300; ++i) {
    const auto size = engine.size();
    const double wild = i % 30 == 0 ? 50 : 1;
    EXPECT_FALSE(predictor.observe(key, size, wild * engine.run(size)));
  }
  const RunSize size{4, 100};
  EXPECT_NEAR(predictor.predict(key, size).ms / engine.truth(size), 1, 0.2);
}

TEST(RunPredictor, NothingIsEverBelowZero) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 50; ++round) {
    RunPredictor predictor;
    const auto key = predictor.idOf(keyOf("a", "chromium"));
    for (int i = 0; i < 60; ++i) {
      // Longer runs for less work, which no base and slope explains.
      const RunSize size{double(1 + random() % 16), double(random() % 500)};
      predictor.observe(key, size,
                        1e-3 + 1000 / (1 + size.items * size.length) * double(random() % 9));
      for (const RunSize asked : {RunSize{0, 0}, {1, 0}, {16, 500}, {1000, 10000}}) {
        const auto told = predictor.predict(key, asked);
        ASSERT_TRUE(std::isfinite(told.ms) && std::isfinite(told.sigma));
        ASSERT_GE(told.ms, 0);
        ASSERT_GE(told.sigma, 0);
      }
    }
  }
}

TEST(RunPredictor, WhatIsNoTimeChangesNothing) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  predictor.observe(key, {1, 64}, 30);
  for (const double ms : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                          std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(predictor.observe(key, {1, 64}, ms));
  }
  EXPECT_FALSE(predictor.observe(key, {std::numeric_limits<double>::quiet_NaN(), 1}, 30));
  EXPECT_NEAR(predictor.predict(key, {1, 64}).ms, 30, 0.01);
  EXPECT_EQ(predictor.predict(key, {1, 64}).observations, 1);
}

TEST(RunPredictor, TellsThatItBecameSlowerAndFollows) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  MadeUpEngine engine({12, 3, 8}, 0.1);
  teach(predictor, key, engine, 200);
  engine.factor = 1.5;
  std::optional<Drift> drift;
  int needed = 0;
  while (!drift && needed < 100) {
    const auto size = engine.size();
    drift = predictor.observe(key, size, engine.run(size));
    ++needed;
  }
  ASSERT_TRUE(drift);
  EXPECT_LT(needed, 15);
  EXPECT_NEAR(drift->ratio, 1.5, 0.25);
  EXPECT_THAT(describe(*drift), ::testing::HasSubstr("slower by"));
  EXPECT_EQ(predictor.drifts(key), 1u);
  teach(predictor, key, engine, 10);
  const RunSize size{4, 100};
  EXPECT_NEAR(predictor.predict(key, size).ms / engine.truth(size), 1, 0.15);
}

TEST(RunPredictor, TellsThatItBecameFaster) {
  RunPredictor predictor;
  const auto key = predictor.idOf(keyOf("a", "chromium"));
  MadeUpEngine engine({12, 3, 8}, 0.1);
  teach(predictor, key, engine, 200);
  engine.factor = 0.6;
  EXPECT_EQ(teach(predictor, key, engine, 60), 1);
  EXPECT_EQ(describe({key, 0.5}), "faster by 100 %");
  EXPECT_EQ(describe({key, 1.35}), "slower by 35 %");
}

TEST(RunPredictor, SteadyRunsAreNoDrift) {
  int drifts = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RunPredictor predictor;
    MadeUpEngine engine({12, 3, 8}, 0.05 * double(1 + seed % 6), seed);
    drifts += teach(predictor, predictor.idOf(keyOf("a", "chromium")), engine, 2000);
  }
  EXPECT_LE(drifts, 2);  // of 40,000 runs
}

TEST(RunPredictor, AnotherBrowserIsGuessedByTheRatioOfOtherModels) {
  RunPredictor predictor;
  for (const auto* model : {"a", "b", "c", "d"}) {
    MadeUpEngine chromium({12, 3, 8}, 0.05), firefox({24, 6, 16}, 0.05);
    teach(predictor, predictor.idOf(keyOf(model, "chromium"), "text"), chromium, 60);
    teach(predictor, predictor.idOf(keyOf(model, "firefox"), "text"), firefox, 60);
  }
  MadeUpEngine chromium({5, 1, 2}, 0.05);
  teach(predictor, predictor.idOf(keyOf("new", "chromium"), "text"), chromium, 60);
  const auto key = predictor.idOf(keyOf("new", "firefox"), "text");
  const RunSize size{4, 100};
  const auto told = predictor.predict(key, size);
  EXPECT_EQ(told.basis, Basis::Neighbour);
  EXPECT_EQ(told.observations, 0);
  // Four models that say twice, and the table that says the same: 2^(4/5).
  EXPECT_NEAR(told.ms / chromium.truth(size), std::pow(2, 0.8), 0.15);
  EXPECT_GT(told.sigma / told.ms, 0.2);
}

TEST(RunPredictor, OneRunSetsTheLevelOfANeighboursShape) {
  RunPredictor predictor;
  MadeUpEngine chromium({12, 3, 8}, 0.02), firefox({36, 9, 24}, 0.02);
  teach(predictor, predictor.idOf(keyOf("a", "chromium")), chromium, 60);
  const auto key = predictor.idOf(keyOf("a", "firefox"));
  predictor.observe(key, {4, 100}, firefox.truth({4, 100}));
  EXPECT_NEAR(predictor.predict(key, {16, 400}).ms / firefox.truth({16, 400}), 1, 0.1);
}

TEST(RunPredictor, ANewVersionIsAsTheOldOneUntilItIsKnown) {
  RunPredictor predictor;
  MadeUpEngine engine({12, 3, 8}, 0.02), other({50, 50, 50}, 0.02);
  teach(predictor, predictor.idOf(keyOf("a", "chromium", "1")), engine, 60);
  teach(predictor, predictor.idOf(keyOf("a", "firefox", "1")), other, 60);
  const auto told = predictor.predict(predictor.idOf(keyOf("a", "chromium", "2")), {4, 100});
  EXPECT_NEAR(told.ms / engine.truth({4, 100}), 1, 0.05);
  EXPECT_LT(told.sigma / told.ms, 0.25);
}

TEST(RunPredictor, WhereNothingIsKnownTheTableSaysWhichIsFaster) {
  RunPredictor predictor;
  const auto ms = [&](const char* type, const char* browser) {
    return predictor.predict(predictor.idOf(keyOf(std::string("m-") + type, browser), type), {}).ms;
  };
  EXPECT_LT(ms("audio", "firefox"), ms("audio", "chromium"));
  EXPECT_LT(ms("text_embedding", "edge"), ms("text_embedding", "chromium"));
  EXPECT_EQ(ms("vision", "chromium"), ms("vision", "firefox"));
  EXPECT_EQ(predictor.predict(predictor.idOf(keyOf("x", "chromium"), "audio"), {}).basis,
            Basis::Nothing);
}

TEST(RunPredictor, WhatIsSavedIsRestored) {
  RunPredictor predictor;
  MadeUpEngine engine({12, 3, 8}, 0.1);
  const auto key = predictor.idOf(keyOf("a", "chromium"), "text");
  teach(predictor, key, engine, 100);
  predictor.idOf(keyOf("never run", "chromium"));
  const auto saved = predictor.save();
  ASSERT_EQ(saved.size(), 1u);

  RunPredictor other;
  ASSERT_TRUE(other.restore(saved.front()));
  const auto again = other.idOf(keyOf("a", "chromium"));
  for (int i = 0; i < 50; ++i) {
    const auto size = engine.size();
    EXPECT_DOUBLE_EQ(other.predict(again, size).ms, predictor.predict(key, size).ms);
    EXPECT_DOUBLE_EQ(other.predict(again, size).sigma, predictor.predict(key, size).sigma);
    const double ms = engine.run(size);
    predictor.observe(key, size, ms);
    other.observe(again, size, ms);
  }
}

TEST(RunPredictor, WhatCannotBeReadIsRefused) {
  RunPredictor predictor;
  predictor.observe(predictor.idOf(keyOf("a", "chromium")), {1, 64}, 30);
  const auto saved = predictor.save().front();
  const auto refused = [&](auto spoil) {
    auto spoiled = saved;
    spoil(spoiled.numbers);
    RunPredictor other;
    const auto result = other.restore(spoiled);
    return !result && result.error().category == ErrorCategory::InvalidArgument &&
           other.save().empty();
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& numbers) { numbers.pop_back(); }));
  EXPECT_TRUE(refused([](auto& numbers) { numbers.clear(); }));
  EXPECT_TRUE(refused([](auto& numbers) { numbers[0] = 9; }));
  EXPECT_TRUE(refused([](auto& numbers) { numbers[1] = -1; }));
  EXPECT_TRUE(refused([](auto& numbers) { numbers[8] = std::nan(""); }));
}

}  // namespace
}  // namespace webpool::sched
