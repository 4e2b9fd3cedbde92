#include "sched/unload_choice.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <vector>

namespace webpool::sched {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kMiB = 1 << 20;
const TimePoint kStart{hours(1)};

void ask(UnloadChoice& choice, const std::string& model, int calls, Duration apart) {
  for (int i = 0; i < calls; ++i) choice.asked(model, kStart + i * apart);
}

/// A browser that is full of models of 100 MiB, named "a", "b", …, unless said otherwise.
class FullBrowser {
 public:
  explicit FullBrowser(std::vector<std::string> names) {
    picture.connections[1] = {};
    for (const auto& name : names) {
      const ResidentId id = picture.models.size() + 1;
      picture.models[id] = {
          .id = id, .connection = 1, .group = name, .estimated = 100 * kMiB, .lastUsed = kStart};
    }
  }

  std::vector<ResidentId> unloaded(const UnloadChoice& choice, TimePoint now,
                                   std::uint64_t need = 100 * kMiB) const {
    std::uint64_t used = 0;
    for (const auto& [id, model] : picture.models) used += model.bytes();
    const auto plan = planMemory({.pool = used, .connection = used}, picture,
                                 {.bytes = need, .connection = 1}, choice.worth(picture, now));
    EXPECT_TRUE(plan);
    return plan ? plan->unload : std::vector<ResidentId>{};
  }

  MemoryPicture picture;
};

TEST(UnloadChoice, TheRateIsThatOfTheCalls) {
  UnloadChoice choice;
  ask(choice, "a", 6000, seconds(1));
  const auto end = kStart + seconds(6000);
  EXPECT_NEAR(choice.rate("a", end), 1, 0.02);
  EXPECT_NEAR(choice.rate("a", end + minutes(10)), 0.5, 0.01);
  EXPECT_EQ(choice.rate("b", end), 0);
  EXPECT_NEAR(choice.chanceSoon("a", end), 1, 1e-6);
  EXPECT_LT(choice.chanceSoon("a", end + hours(3)), 0.01);
}

TEST(UnloadChoice, WhatIsSlowToLoadStays) {
  UnloadChoice choice;
  for (const auto* model : {"a", "b", "c"}) ask(choice, model, 10, seconds(10));
  choice.loaded("a", seconds(8));
  choice.loaded("b", seconds(1));
  choice.loaded("c", seconds(4));
  const FullBrowser browser({"a", "b", "c"});
  EXPECT_EQ(browser.unloaded(choice, kStart + minutes(2)), std::vector<ResidentId>{2});
}

TEST(UnloadChoice, WhatIsAskedForOftenStaysThoughOthersWereUsedLater) {
  UnloadChoice choice;
  ask(choice, "a", 100, seconds(6));
  choice.asked("b", kStart + seconds(700));
  FullBrowser browser({"a", "b"});
  browser.picture.models[1].lastUsed = kStart + seconds(594);
  browser.picture.models[2].lastUsed = kStart + seconds(700);
  EXPECT_EQ(browser.unloaded(choice, kStart + seconds(701)), std::vector<ResidentId>{2});
}

TEST(UnloadChoice, WhatFreesMuchForLittleGoes) {
  UnloadChoice choice;
  ask(choice, "a", 5, seconds(10));
  ask(choice, "b", 5, seconds(10));
  FullBrowser browser({"a", "b"});
  browser.picture.models[2].estimated = 400 * kMiB;
  EXPECT_EQ(browser.unloaded(choice, kStart + minutes(1)), std::vector<ResidentId>{2});
}

TEST(UnloadChoice, OfEqualOnesTheLeastRecentlyUsed) {
  const UnloadChoice choice;
  FullBrowser browser({"a", "b", "c"});
  browser.picture.models[1].lastUsed = kStart + seconds(5);
  browser.picture.models[3].lastUsed = kStart + seconds(5);
  EXPECT_EQ(browser.unloaded(choice, kStart + minutes(1)), std::vector<ResidentId>{2});
}

TEST(UnloadChoice, ModelsOfOneTypeStayTogether) {
  UnloadChoice choice;
  for (const auto* model : {"a", "b", "c"}) {
    ask(choice, model, 5, seconds(10));
    choice.loaded(model, seconds(2));
    choice.typed(model, model == std::string("b") ? "audio" : "text");
  }
  const FullBrowser browser({"a", "b", "c"});
  EXPECT_EQ(browser.unloaded(choice, kStart + minutes(1)), std::vector<ResidentId>{2});
}

TEST(UnloadChoice, WhatIsInUseStaysHoweverLittleItIsWorth) {
  UnloadChoice choice;
  ask(choice, "a", 50, seconds(1));
  FullBrowser browser({"a", "b"});
  browser.picture.models[2].users = 1;
  EXPECT_EQ(browser.unloaded(choice, kStart + minutes(1)), std::vector<ResidentId>{1});
}

TEST(UnloadChoice, AProgramMayChooseItself) {
  const FullBrowser browser({"a", "b", "c"});
  const UnloadWorth own = [](const ResidentModel& model) { return model.group == "c" ? 0 : 1; };
  const auto plan = planMemory({.pool = 300 * kMiB, .connection = 300 * kMiB}, browser.picture,
                               {.bytes = 10 * kMiB, .connection = 1}, own);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->unload, std::vector<ResidentId>{3});
}

TEST(UnloadChoice, WhatAProgramFindsNoNumberForGoesFirst) {
  const FullBrowser browser({"a", "b", "c"});
  const UnloadWorth own = [](const ResidentModel& model) {
    return model.group == "b" ? std::nan("") : model.group == "a" ? -1.0 : -2.0;
  };
  const auto plan = planMemory({.pool = 300 * kMiB, .connection = 300 * kMiB}, browser.picture,
                               {.bytes = 200 * kMiB, .connection = 1}, own);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->unload, (std::vector<ResidentId>{2, 3}));
}

TEST(UnloadChoice, TheFactsAreThoseOfTheWholeModel) {
  UnloadChoice choice;
  ask(choice, "a", 60, seconds(1));
  choice.loaded("a", seconds(3));
  FullBrowser browser({"a", "a", "b"});
  browser.picture.models[2].lastUsed = kStart + seconds(59);
  const auto now = kStart + seconds(60);
  const auto facts = choice.facts(browser.picture, browser.picture.models[1], now);
  EXPECT_EQ(facts.bytes, 200 * kMiB);
  EXPECT_EQ(facts.lastUsed, kStart + seconds(59));
  EXPECT_EQ(facts.loadSeconds, 3);
  EXPECT_NEAR(facts.callsPerSecond, 0.07, 0.005);  // 60 in the last minute of ten
  EXPECT_NEAR(facts.worth, 3 * facts.chanceSoon / double(200 * kMiB), 1e-12);
  EXPECT_EQ(choice.facts(browser.picture, browser.picture.models[3], now).worth, 0);
}

TEST(UnloadChoice, WhatIsForgottenIsAsNeverAskedFor) {
  UnloadChoice choice;
  ask(choice, "a", 50, seconds(1));
  EXPECT_GT(choice.costOfReturn("a", kStart + minutes(1)), 1);
  choice.forget("a");
  EXPECT_EQ(choice.costOfReturn("a", kStart + minutes(1)), 0);
}

}  // namespace
}  // namespace webpool::sched
