#include "bridge/execution_record.h"

#include <gmock/gmock.h>

namespace webpool::bridge {
namespace {

/// No model ran it: what a call would have brought.
WebModelResult fakeResult(bool success, double ms) {
  WebModelResult result;
  result.success = success;
  result.modelId = "text:m";
  result.metrics.latencyMs = ms;
  result.ran.browser = "firefox";
  result.ran.backend = Backend::WebGpu;
  result.ipfsAccelerated = true;
  return result;
}

TEST(ExecutionRecord, CountsWhatIsUnderWayAndWhatEnded) {
  ExecutionRecord record;
  record.began();
  record.began();
  EXPECT_EQ(record.stats().currentlyUnderWay, 2U);
  record.ended(fakeResult(true, 10));
  record.ended(fakeResult(false, 5));
  record.began();
  record.ended(fakeResult(true, 30));
  const auto stats = record.stats();
  EXPECT_EQ(stats.executedTasks, 3U);
  EXPECT_EQ(stats.errors, 1U);
  EXPECT_EQ(stats.concurrentPeak, 2U);
  EXPECT_EQ(stats.currentlyUnderWay, 0U);
  EXPECT_EQ(stats.totalExecutionTimeMs, 40) << "what failed does not count";
  EXPECT_THAT(stats.modelExecutionTimesMs.at("text:m"), testing::ElementsAre(10, 30));
  EXPECT_EQ(stats.browserUsage.at("firefox"), 2U);
  EXPECT_EQ(stats.platformUsage.at("webgpu"), 2U);
  EXPECT_EQ(stats.ipfsAccelerationCount, 2U);
  EXPECT_EQ(stats.ipfsCacheHits, 0U);
}

TEST(ExecutionRecord, WhatNeededNoRunIsOfNoBrowserAndNoPlatform) {
  ExecutionRecord record;
  auto silence = fakeResult(true, 1);
  silence.ran = {};
  record.began();
  record.ended(silence);
  const auto stats = record.stats();
  EXPECT_EQ(stats.executedTasks, 1U);
  EXPECT_TRUE(stats.browserUsage.empty());
  EXPECT_TRUE(stats.platformUsage.empty());
  EXPECT_TRUE(stats.platformBusyMs.empty());
}

TEST(ExecutionRecord, CountsWhatWaits) {
  ExecutionRecord record;
  record.waiting(5);
  record.waiting(-3);
  record.waiting(1);
  EXPECT_EQ(record.stats().currentlyWaiting, 3U);
  EXPECT_EQ(record.stats().waitingPeak, 5U);
}

TEST(ExecutionRecord, KeepsTheLastThousandTimesOfAModel) {
  ExecutionRecord record;
  for (int i = 0; i < 1010; ++i) {
    record.began();
    record.ended(fakeResult(true, i));
  }
  const auto times = record.stats().modelExecutionTimesMs.at("text:m");
  EXPECT_EQ(times.size(), 1000U);
  EXPECT_EQ(times.front(), 10);
}

}  // namespace
}  // namespace webpool::bridge
