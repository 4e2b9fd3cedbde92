#include "sched/machine_share.h"

#include <gtest/gtest.h>

#include <vector>

namespace webpool::sched {
namespace {

using Shares = std::vector<PoolShare>;

TEST(MachineShare, APoolAloneHasAll) {
  EXPECT_EQ(coresFor(8, {}), 8U);
  EXPECT_EQ(memoryFor(1000, {}), 1000U);
  EXPECT_EQ(coresFor(0, {}), 1U);
}

TEST(MachineShare, AnIdlePoolTakesNoCoresButItsMemory) {
  const Shares idle{{.threads = 0, .memory = 300}};
  EXPECT_EQ(coresFor(8, idle), 8U);
  EXPECT_EQ(memoryFor(1000, idle), 700U);
}

TEST(MachineShare, WhatOthersLeaveIsFree) {
  EXPECT_EQ(coresFor(8, Shares{{.threads = 1, .memory = 0}}), 7U);
  EXPECT_EQ(coresFor(8, Shares{{.threads = 1, .memory = 0}, {.threads = 2, .memory = 0}}), 5U);
}

TEST(MachineShare, WhereAllWantAllEachGetsTheSame) {
  EXPECT_EQ(coresFor(8, Shares{{.threads = 8, .memory = 900}}), 4U);
  EXPECT_EQ(memoryFor(1000, Shares{{.threads = 8, .memory = 900}}), 500U);
  EXPECT_EQ(memoryFor(1000, Shares{{.threads = 0, .memory = ~0ULL}, {}}), 333U);
  EXPECT_EQ(coresFor(2, Shares{{.threads = 2, .memory = 0}, {.threads = 2, .memory = 0}}), 1U);
}

/// Each sees what the others took a moment ago: soon nobody takes more than there is.
TEST(MachineShare, GreedyPoolsComeToTerms) {
  constexpr unsigned kCores = 8;
  Shares pools(4, {.threads = kCores, .memory = 0});
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < pools.size(); ++i) {
      auto others = pools;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
      pools[i].threads = coresFor(kCores, others);
    }
  }
  for (const auto& pool : pools) EXPECT_EQ(pool.threads, 2U);
}

}  // namespace
}  // namespace webpool::sched
