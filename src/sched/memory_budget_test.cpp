#include "sched/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace webpool::sched {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kMiB = 1 << 20;
const TimePoint kStart{seconds(1000)};

/// Two browsers of 300 MiB each; 2000 MiB for one, 3000 for both.
class MemoryBudgetTest : public ::testing::Test {
 protected:
  MemoryBudgetTest() {
    budget_.connectionOpened(1, 300 * kMiB);
    budget_.connectionOpened(2, 300 * kMiB);
  }

  void place(ResidentId id, ConnectionId connection, std::uint64_t mib, int lastUsed,
             std::string group = {}) {
    budget_.modelPlaced({.id = id,
                         .connection = connection,
                         .group = std::move(group),
                         .estimated = mib * kMiB,
                         .lastUsed = kStart + seconds(lastUsed)});
  }
  MemoryPlan plan(std::uint64_t mib, std::optional<ConnectionId> connection,
                  std::string group = {}) {
    auto plan = budget_.plan({mib * kMiB, connection, std::move(group)});
    EXPECT_TRUE(plan) << (plan ? "" : plan.error().describe());
    return plan ? *plan : MemoryPlan{};
  }
  Error refusal(std::uint64_t mib, std::optional<ConnectionId> connection) {
    const auto plan = budget_.plan({mib * kMiB, connection, {}, "'whisper'"});
    EXPECT_FALSE(plan);
    return plan ? Error{} : plan.error();
  }

  MemoryBudget budget_{{.pool = 3000 * kMiB, .connection = 2000 * kMiB}};
};

TEST_F(MemoryBudgetTest, NothingGoesWhereThereIsRoom) {
  place(1, 1, 500, 1);
  const auto made = plan(1200, 1);
  EXPECT_THAT(made.unload, IsEmpty());
  EXPECT_THAT(made.recycle, IsEmpty());
  EXPECT_EQ(budget_.charged(1), 800 * kMiB);
  EXPECT_EQ(budget_.charged(), 1100 * kMiB);
}

TEST_F(MemoryBudgetTest, TheLeastRecentlyUsedGoesFirst) {
  place(1, 1, 500, 3);
  place(2, 1, 500, 1);
  place(3, 1, 500, 2);
  EXPECT_THAT(plan(600, 1).unload, ElementsAre(2));
  EXPECT_THAT(plan(900, 1).unload, ElementsAre(2, 3));
  budget_.modelTaken(2, kStart + seconds(10));
  budget_.modelReleased(2, kStart + seconds(11));
  EXPECT_THAT(plan(600, 1).unload, ElementsAre(3));
}

TEST_F(MemoryBudgetTest, ASmallOldOneThatDoesNotHelpStays) {
  place(1, 1, 10, 1);
  place(2, 1, 1500, 2);
  EXPECT_THAT(plan(900, 1).unload, ElementsAre(2));
}

TEST_F(MemoryBudgetTest, NeverOneInUse) {
  place(1, 1, 800, 1);
  place(2, 1, 800, 2);
  budget_.modelTaken(1, kStart);
  EXPECT_THAT(plan(800, 1).unload, ElementsAre(2));
  budget_.modelTaken(2, kStart);
  const auto error = refusal(800, 1);
  EXPECT_EQ(error.category, ErrorCategory::OutOfMemory);
  EXPECT_THAT(error.message, HasSubstr("'whisper' needs 800 MiB"));
  EXPECT_THAT(error.message, HasSubstr("2000 MiB a browser"));
  EXPECT_THAT(error.message, HasSubstr("in use (1600 MiB)"));
  EXPECT_THAT(error.hint, HasSubstr("raise the budget"));
  EXPECT_TRUE(budget_.everFits({800 * kMiB, 1}));
  budget_.modelTaken(2, kStart);
  budget_.modelReleased(2, kStart);
  EXPECT_FALSE(budget_.plan({800 * kMiB, 1}));  // one of its two users is left
  budget_.modelReleased(2, kStart);
  EXPECT_THAT(plan(800, 1).unload, ElementsAre(2));
}

TEST_F(MemoryBudgetTest, TheBudgetOfTheOneBrowserIsMetInThatBrowser) {
  place(1, 2, 600, 1);  // older, but elsewhere
  place(2, 1, 1200, 2);
  EXPECT_THAT(plan(600, 1).unload, ElementsAre(2));
}

TEST_F(MemoryBudgetTest, TheBudgetOfThePoolIsMetAnywhere) {
  place(1, 2, 1000, 1);
  place(2, 1, 1000, 2);
  EXPECT_THAT(plan(700, 1).unload, ElementsAre(1));
}

TEST_F(MemoryBudgetTest, RoomForAnotherBrowser) {
  place(1, 1, 1500, 1);
  EXPECT_THAT(plan(300, std::nullopt).unload, IsEmpty());
  EXPECT_THAT(plan(1000, std::nullopt).unload, ElementsAre(1));
}

TEST_F(MemoryBudgetTest, WhatCanNeverFitIsRefusedWithItsReason) {
  const auto tooWide = refusal(1800, 1);
  EXPECT_EQ(tooWide.category, ErrorCategory::OutOfMemory);
  EXPECT_THAT(tooWide.message, HasSubstr("one browser may use 2000 MiB"));
  EXPECT_THAT(tooWide.message, HasSubstr("300 MiB itself"));
  EXPECT_FALSE(tooWide.hint.empty());
  EXPECT_FALSE(budget_.everFits({1800 * kMiB, 1}));
  for (ConnectionId id = 3; id <= 9; ++id) budget_.connectionOpened(id, 300 * kMiB);
  const auto tooMany = refusal(1000, 1);
  EXPECT_THAT(tooMany.message, HasSubstr("all 9 browsers together may use 3000 MiB"));
  EXPECT_FALSE(budget_.everFits({1000 * kMiB, 1}));
}

TEST_F(MemoryBudgetTest, NoSumOverflows) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  place(1, 1, 500, 1);
  EXPECT_FALSE(budget_.plan({kMost, 1}));
  EXPECT_FALSE(budget_.plan({kMost - 100 * kMiB, std::nullopt}));
}

TEST_F(MemoryBudgetTest, ABrowserThatIsGoneIsNoError) {
  const auto plan = budget_.plan({kMiB, 77});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().category, ErrorCategory::WorkerLost);
}

TEST_F(MemoryBudgetTest, MeasuredCountsInsteadOfEstimated) {
  place(1, 1, 500, 1);
  budget_.modelMeasured(1, 900 * kMiB);
  EXPECT_EQ(budget_.charged(1), 1200 * kMiB);
  budget_.modelEstimated(1, 100 * kMiB);
  EXPECT_EQ(budget_.charged(1), 1200 * kMiB);
}

TEST_F(MemoryBudgetTest, AfterTheLoadThePeakIsGone) {
  place(1, 1, 1000, 1);
  budget_.modelEstimated(1, 400 * kMiB);
  EXPECT_EQ(budget_.charged(1), 700 * kMiB);
}

TEST_F(MemoryBudgetTest, TheSampleCountsWhereItIsMore) {
  place(1, 1, 500, 1);
  budget_.connectionSampled(1, 700 * kMiB);  // the estimate was high: it stays
  EXPECT_EQ(budget_.charged(1), 800 * kMiB);
  EXPECT_EQ(budget_.unexplained(1), 0u);
  budget_.connectionSampled(1, 1000 * kMiB);
  EXPECT_EQ(budget_.charged(1), 1000 * kMiB);
  EXPECT_EQ(budget_.unexplained(1), 200 * kMiB);
  place(2, 1, 300, 2);
  EXPECT_EQ(budget_.charged(1), 1300 * kMiB);
  EXPECT_EQ(budget_.unexplained(1), 200 * kMiB);
  budget_.modelEstimated(2, 100 * kMiB);  // came after the sample: changes the sum
  EXPECT_EQ(budget_.charged(1), 1100 * kMiB);
  budget_.modelMeasured(1, 600 * kMiB);  // the sample has it: explains more of it
  EXPECT_EQ(budget_.charged(1), 1100 * kMiB);
  EXPECT_EQ(budget_.unexplained(1), 100 * kMiB);
  budget_.modelRemoved(2);
  EXPECT_EQ(budget_.charged(1), 1000 * kMiB);
}

TEST_F(MemoryBudgetTest, ABrowserThatKeepsTheMemoryOfWhatIsGoneIsRecycled) {
  place(1, 1, 1500, 1);
  budget_.modelRemoved(1);
  EXPECT_THAT(plan(1000, 1).recycle, IsEmpty());
  budget_.connectionSampled(1, 1800 * kMiB);  // nothing was given back
  EXPECT_EQ(budget_.unexplained(1), 1500 * kMiB);
  const auto made = plan(1000, 1);
  EXPECT_THAT(made.recycle, ElementsAre(1));
  EXPECT_THAT(made.unload, IsEmpty());
  budget_.connectionClosed(1);
  budget_.connectionOpened(1, 300 * kMiB);
  EXPECT_THAT(plan(1000, 1).recycle, IsEmpty());
}

TEST_F(MemoryBudgetTest, UnloadingComesBeforeRecycling) {
  place(1, 1, 800, 1);
  budget_.connectionSampled(1, 1500 * kMiB);
  const auto made = plan(800, 1);
  EXPECT_THAT(made.unload, ElementsAre(1));
  EXPECT_THAT(made.recycle, IsEmpty());
}

TEST_F(MemoryBudgetTest, ALittleThatIsUnexplainedIsNoLeak) {
  budget_.connectionSampled(1, 350 * kMiB);
  EXPECT_THAT(refusal(1680, 1).message, HasSubstr("1680 MiB"));
}

TEST_F(MemoryBudgetTest, AnotherLeakyBrowserIsRecycledForThePool) {
  budget_.connectionSampled(2, 1900 * kMiB);
  place(1, 1, 400, 1);
  budget_.modelTaken(1, kStart);
  EXPECT_THAT(plan(1000, 1).recycle, ElementsAre(2));
}

TEST_F(MemoryBudgetTest, WhatIsInUseComesBackAfterARecycle) {
  place(1, 1, 600, 1);
  budget_.modelTaken(1, kStart);
  budget_.connectionSampled(1, 1900 * kMiB);
  EXPECT_THAT(plan(1000, 1).recycle, ElementsAre(1));
  EXPECT_FALSE(budget_.plan({1200 * kMiB, 1}));  // 300 + 600 + 1200
}

TEST_F(MemoryBudgetTest, ALeakyBrowserThatWouldNotHelpStays) {
  place(1, 1, 100, 1);
  budget_.modelTaken(1, kStart);
  budget_.connectionSampled(1, 1900 * kMiB);
  budget_.connectionSampled(2, 600 * kMiB);  // without work: tried first
  EXPECT_THAT(plan(1000, 1).recycle, ElementsAre(1));
}

TEST_F(MemoryBudgetTest, ComponentsOfOneModelStayTogether) {
  place(1, 1, 400, 1, "whisper");  // its encoder, not used for long
  place(2, 1, 400, 9, "whisper");
  place(3, 1, 400, 5);
  EXPECT_THAT(plan(800, 1).unload, ElementsAre(3));
  // The next component does not push out the first ones.
  EXPECT_THAT(plan(800, 1, "whisper").unload, ElementsAre(3));
  EXPECT_FALSE(budget_.plan({1000 * kMiB, 1, "whisper"}));
  EXPECT_THAT(plan(1000, 1).unload, ElementsAre(3, 1));  // of the one used last, the older
  budget_.modelTaken(2, kStart);                         // one in use keeps the other
  EXPECT_FALSE(budget_.plan({1000 * kMiB, 1}));
}

TEST_F(MemoryBudgetTest, WhatEndsWithItsBrowserIsForgotten) {
  place(1, 1, 800, 1);
  budget_.connectionClosed(1);
  budget_.modelRemoved(1);
  budget_.modelTaken(1, kStart);
  budget_.connectionSampled(1, 5000 * kMiB);
  EXPECT_EQ(budget_.charged(), 300 * kMiB);
  EXPECT_EQ(budget_.charged(1), 0u);
  EXPECT_TRUE(budget_.picture().models.empty());
}

}  // namespace
}  // namespace webpool::sched
