#include "sched/recycle_policy.h"

#include <gtest/gtest.h>

#include <limits>

namespace webpool::sched {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

RecyclePolicy off() {
  return {.maxAge = {},
          .maxJobs = {},
          .maxGrowthBytes = {},
          .maxGrowthFactor = {},
          .maxDeviceLosses = {},
          .maxConsecutiveErrors = {}};
}

Usage worn() {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  return {.age = std::chrono::hours(10'000),
          .jobs = kMost,
          .baseline = MemorySample{1, 0},
          .memory = MemorySample{kMost, 0},
          .deviceLosses = 1000,
          .consecutiveErrors = 1000};
}

std::optional<LifeReason> reasonOf(const RecyclePolicy& policy, const Usage& usage) {
  const auto cause = recycleCause(policy, usage);
  if (!cause) return std::nullopt;
  EXPECT_FALSE(cause->detail.empty());
  return cause->reason;
}

TEST(RecyclePolicy, EverythingOffNeverRecycles) {
  EXPECT_EQ(reasonOf(off(), worn()), std::nullopt);
}

TEST(RecyclePolicy, ANewOneIsNotRecycledByTheDefaults) {
  EXPECT_EQ(reasonOf({}, {}), std::nullopt);
}

TEST(RecyclePolicy, EachLimitAloneAtItsEdge) {
  auto policy = off();
  Usage usage;
  policy.maxAge = std::chrono::minutes(30);
  usage.age = std::chrono::minutes(30) - std::chrono::nanoseconds(1);
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);
  usage.age = std::chrono::minutes(30);
  EXPECT_EQ(reasonOf(policy, usage), LifeReason::TooOld);

  policy = off();
  policy.maxJobs = 10;
  usage.jobs = 9;
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);
  usage.jobs = 10;
  EXPECT_EQ(reasonOf(policy, usage), LifeReason::TooManyJobs);

  policy = off();
  policy.maxDeviceLosses = 2;
  usage.deviceLosses = 1;
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);
  usage.deviceLosses = 2;
  EXPECT_EQ(reasonOf(policy, usage), LifeReason::DeviceLost);

  policy = off();
  policy.maxConsecutiveErrors = 5;
  usage.consecutiveErrors = 4;
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);
  usage.consecutiveErrors = 5;
  EXPECT_EQ(reasonOf(policy, usage), LifeReason::Errors);
}

TEST(RecyclePolicy, GrowthInBytesAndAsAFactor) {
  auto policy = off();
  policy.maxGrowthBytes = 100 * kMiB;
  Usage usage;
  usage.memory = MemorySample{900 * kMiB, 0};
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);  // no baseline yet
  usage.baseline = MemorySample{400 * kMiB, 0};
  usage.memory = MemorySample{500 * kMiB, 0};
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);
  usage.memory->bytes += 1;
  EXPECT_EQ(reasonOf(policy, usage), LifeReason::MemoryGrown);

  policy = off();
  policy.maxGrowthFactor = 2.0;
  usage.memory = MemorySample{800 * kMiB, 0};
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);
  usage.memory->bytes += kMiB;
  EXPECT_EQ(reasonOf(policy, usage), LifeReason::MemoryGrown);
}

TEST(RecyclePolicy, WhatLaterModelsExplainIsNoGrowth) {
  auto policy = off();
  policy.maxGrowthBytes = 100 * kMiB;
  Usage usage;
  usage.baseline = MemorySample{600 * kMiB, 200 * kMiB};
  usage.memory = MemorySample{1600 * kMiB, 1200 * kMiB};
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);
  usage.memory = MemorySample{1600 * kMiB, 200 * kMiB};  // unloaded, and the memory stayed
  EXPECT_EQ(reasonOf(policy, usage), LifeReason::MemoryGrown);
  usage.memory = MemorySample{450 * kMiB, 0};
  EXPECT_EQ(reasonOf(policy, usage), std::nullopt);
  usage.memory = MemorySample{501 * kMiB, 0};
  EXPECT_EQ(reasonOf(policy, usage), LifeReason::MemoryGrown);
}

TEST(RecyclePolicy, FaultsComeBeforeWear) {
  EXPECT_EQ(reasonOf({}, worn()), LifeReason::DeviceLost);
}

}  // namespace
}  // namespace webpool::sched
