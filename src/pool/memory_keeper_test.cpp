#include "pool/memory_keeper.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace webpool::pool {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kBrowser = 1;

/// A browser in which three models of 100 MiB have room.
class FullBrowser {
 public:
  explicit FullBrowser(MemoryKeeper::Worth worth = {})
      : keeper(0, 320 * kMiB, {}, std::move(worth)) {
    keeper.sampled(kBrowser, 10 * kMiB);
  }

  std::shared_ptr<Loaded> model(const std::string& name, const std::string& component = {}) {
    auto source = std::make_shared<ResolvedModel>();
    source->description.name = name;
    source->description.task = "text-embedding";
    source->description.dtype = "q4";
    source->description.cid = "cid of " + name;
    source->description.component = component;
    if (!component.empty()) source->description.components = {"encoder_model", "decoder_model"};
    auto made = std::make_shared<Loaded>();
    made->id = ++models_;
    made->source = std::move(source);
    made->memory = {.peakBytes = 100 * kMiB, .residentBytes = 100 * kMiB};
    return made;
  }

  std::shared_ptr<Loaded> load(const std::string& name, const std::string& component = {},
                               base::Duration took = seconds(2)) {
    auto made = model(name, component);
    keeper.loadBegan(made, kBrowser, now);
    now += took;
    keeper.loadEnded(*made, true, now);
    return made;
  }

  void call(const Loaded& model, int times) {
    for (int i = 0; i < times; ++i) {
      keeper.runBegan(model, now);
      now += seconds(1);
      keeper.runEnded(model, now);
    }
  }

  /// Of what has to go for a fourth one.
  std::vector<std::string> unloaded() {
    const auto room = keeper.roomFor(*model("another"), kBrowser, now);
    std::vector<std::string> names;
    if (!room) return {room.error().message};
    for (const auto& gone : room->unload) names.push_back(gone->source->description.name);
    return names;
  }

  base::TimePoint now{std::chrono::hours(1)};
  MemoryKeeper keeper;

 private:
  std::uint64_t models_ = 0;
};

using Names = std::vector<std::string>;

TEST(MemoryKeeper, WhatCostsTheLeastToHaveBackGoes) {
  FullBrowser browser;
  const auto a = browser.load("a");
  const auto b = browser.load("b");
  const auto c = browser.load("c");
  browser.call(*c, 5);
  browser.call(*a, 5);
  browser.call(*b, 1);
  EXPECT_EQ(browser.unloaded(), Names{"b"});
}

TEST(MemoryKeeper, AProgramMayChooseWhatGoes) {
  std::vector<KeptModel> asked;
  FullBrowser browser([&](const KeptModel& model) {
    asked.push_back(model);
    return model.name == "a" ? 1.0 : 2.0;
  });
  const auto a = browser.load("a", "", seconds(3));
  const auto b = browser.load("b");
  const auto c = browser.load("c");
  browser.call(*a, 60);
  EXPECT_EQ(browser.unloaded(), Names{"a"});
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0].name, "a");
  EXPECT_EQ(asked[0].task, "text-embedding");
  EXPECT_EQ(asked[0].dtype, "q4");
  EXPECT_EQ(asked[0].bytes, 100 * kMiB);
  EXPECT_EQ(asked[0].load, seconds(3));
  EXPECT_EQ(asked[0].unused, seconds(0));
  EXPECT_EQ(asked[1].unused, seconds(62));
  EXPECT_GT(asked[0].callsPerSecond, 0.05);
  EXPECT_GT(asked[0].chanceSoon, 0.99);
  EXPECT_GT(asked[0].worth, asked[1].worth);
}

TEST(MemoryKeeper, WhatItDoesNotDecideIsAsThePoolWouldTakeIt) {
  FullBrowser browser([](const KeptModel& model) { return model.worth; });
  const auto a = browser.load("a");
  const auto b = browser.load("b");
  const auto c = browser.load("c");
  browser.call(*c, 5);
  browser.call(*a, 5);
  browser.call(*b, 1);
  EXPECT_EQ(browser.unloaded(), Names{"b"});
}

TEST(MemoryKeeper, ComponentsAreAskedForAsOneModel) {
  std::vector<KeptModel> asked;
  FullBrowser browser([&](const KeptModel& model) {
    asked.push_back(model);
    return model.name == "speech" ? 1.0 : 2.0;
  });
  const auto encoder = browser.load("speech", "encoder_model");
  const auto decoder = browser.load("speech", "decoder_model");
  const auto other = browser.load("other");
  EXPECT_EQ(browser.unloaded(), Names{"speech"});  // one component is enough
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].bytes, 200 * kMiB);
  EXPECT_EQ(asked[1].bytes, 100 * kMiB);
}

TEST(MemoryKeeper, WhatIsKnownIsForgottenWithTheLastThatSharesIt) {
  double calls = 0;
  FullBrowser browser([&](const KeptModel& model) {
    if (model.name == "speech") calls = model.callsPerSecond;
    return model.worth;
  });
  const auto other = browser.load("other");
  auto encoder = browser.load("speech", "encoder_model");
  auto decoder = browser.load("speech", "decoder_model");
  browser.call(*encoder, 20);
  browser.keeper.gone(*decoder);
  browser.keeper.forget(*decoder);
  decoder = browser.load("speech", "decoder_model");
  EXPECT_EQ(browser.unloaded(), Names{"other"});
  EXPECT_GT(calls, 0);
  for (const auto& gone : {encoder, decoder}) {
    browser.keeper.gone(*gone);
    browser.keeper.forget(*gone);
    browser.keeper.forget(*gone);
  }
  encoder = browser.load("speech", "encoder_model");
  decoder = browser.load("speech", "decoder_model");
  browser.unloaded();
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace webpool::pool
