#include "fetch/host_scores.h"

#include <gmock/gmock.h>

namespace webpool::fetch {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds(1000)};

double inMilliseconds(Duration span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

TEST(HostScores, AnUnknownHostIsTakenForOrdinary) {
  const HostScores scores;
  const auto estimate = scores.of("https://a", kStart);
  EXPECT_EQ(estimate.connect, milliseconds(50));
  EXPECT_EQ(estimate.firstByte, milliseconds(100));
  EXPECT_DOUBLE_EQ(estimate.bytesPerSecond, 8e6);
  EXPECT_DOUBLE_EQ(estimate.success, 0.8);
}

TEST(HostScores, WhatIsMeasuredSoonCountsMore) {
  HostScores scores;
  for (int i = 0; i < 10; ++i) {
    scores.connected("a", milliseconds(10), kStart);
    scores.firstByte("a", milliseconds(400), kStart);
    scores.moved("a", 1'000'000, seconds(1), kStart);
    scores.answered("a", true, kStart);
  }
  const auto estimate = scores.of("a", kStart);
  EXPECT_NEAR(inMilliseconds(estimate.connect), 10, 3);
  EXPECT_NEAR(inMilliseconds(estimate.firstByte), 400, 20);
  EXPECT_NEAR(estimate.bytesPerSecond, 1e6, 1e5);
  EXPECT_GT(estimate.success, 0.98);
  EXPECT_EQ(scores.of("b", kStart).firstByte, milliseconds(100)) << "another host's";
}

TEST(HostScores, AChangeIsFollowed) {
  HostScores scores;
  for (int i = 0; i < 50; ++i) scores.moved("a", 10'000'000, seconds(1), kStart);
  for (int i = 0; i < 10; ++i) scores.moved("a", 100'000, seconds(1), kStart);
  EXPECT_LT(scores.of("a", kStart).bytesPerSecond, 1e6);
  for (int i = 0; i < 50; ++i) scores.answered("a", true, kStart);
  for (int i = 0; i < 6; ++i) scores.answered("a", false, kStart);
  EXPECT_LT(scores.of("a", kStart).success, 0.3);
}

TEST(HostScores, WithTimeItIsAsIfNothingHadBeenMeasured) {
  HostScores scores;
  for (int i = 0; i < 20; ++i) {
    scores.answered("a", false, kStart);
    scores.firstByte("a", seconds(30), kStart);
  }
  const auto then = scores.of("a", kStart);
  const auto later = scores.of("a", kStart + hours(1));
  const auto muchLater = scores.of("a", kStart + hours(24));
  EXPECT_LT(then.success, 0.1);
  EXPECT_GT(later.success, then.success);
  EXPECT_NEAR(muchLater.success, 0.8, 0.01);
  EXPECT_NEAR(inMilliseconds(muchLater.firstByte), 100, 1);
}

TEST(HostScores, SlowAndUnsureHostsTakeLonger) {
  const HostEstimate good{milliseconds(1), milliseconds(10), 1e6, 1};
  EXPECT_EQ(good.timeFor(1'000'000), milliseconds(1010));
  auto unsure = good;
  unsure.success = 0.5;
  EXPECT_EQ(unsure.timeFor(1'000'000), milliseconds(2020));
  const HostEstimate dead{{}, {}, 0, 0};
  EXPECT_GT(dead.timeFor(1'000'000), hours(1)) << "and no division by zero";
}

TEST(HostScores, WhatWasSavedIsFoundAgainAndOlder) {
  HostScores scores;
  scores.connected("https://a", milliseconds(10), kStart);
  scores.firstByte("https://a", milliseconds(700), kStart);
  scores.moved("https://a", 5'000'000, seconds(1), kStart);
  scores.answered("https://a", false, kStart);
  const auto text = scores.save(kStart);

  HostScores fresh;
  fresh.load(text, Duration::zero(), TimePoint{});
  const auto before = scores.of("https://a", kStart);
  const auto after = fresh.of("https://a", TimePoint{});
  EXPECT_NEAR(after.bytesPerSecond, before.bytesPerSecond, 1);
  EXPECT_NEAR(after.success, before.success, 1e-9);
  EXPECT_NEAR(inMilliseconds(after.firstByte), inMilliseconds(before.firstByte), 0.001);
  EXPECT_NEAR(inMilliseconds(after.connect), inMilliseconds(before.connect), 0.001);

  HostScores old;
  old.load(text, hours(24), TimePoint{});
  EXPECT_NEAR(old.of("https://a", TimePoint{}).success, 0.8, 0.01);
}

TEST(HostScores, TextThatIsNoneChangesNothing) {
  HostScores scores;
  for (
      const auto* text :
      {"", "{", "[]", "{}", R"({"version":2,"hosts":{}})", R"({"version":1,"hosts":[]})",
       R"({"version":1,"hosts":{"a":1}})", R"({"version":1,"hosts":{"a":{"connect":[1,2]}}})",
       R"({"version":1,"hosts":{"a":{"connect":[-1,2],"first_byte":[1,1],"rate":[1,1],"success":[1,1]}}})",
       R"({"version":1,"hosts":{"a":{"connect":["x",2],"first_byte":[1,1],"rate":[1,1],"success":[1,1]}}})"}) {
    scores.load(text, Duration::zero(), kStart);
  }
  EXPECT_EQ(scores.hosts(), 0u);
}

TEST(HostScores, KeepsNoMoreHostsThanItShall) {
  HostScores scores({.mostHosts = 3});
  for (int i = 0; i < 10; ++i) {
    scores.answered("host " + std::to_string(i), false, kStart + seconds(i));
  }
  EXPECT_EQ(scores.hosts(), 3u);
  EXPECT_LT(scores.of("host 9", kStart + seconds(9)).success, 0.5);
  EXPECT_NEAR(scores.of("host 0", kStart + seconds(9)).success, 0.8, 1e-9);
}

}  // namespace
}  // namespace webpool::fetch
