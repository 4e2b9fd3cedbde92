#include "pool/run_times.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace webpool::pool {
namespace {

struct Folder {
  Folder() {
    std::string name = testing::TempDir() + "run-times-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

ModelDescription model(const std::string& cid) {
  ModelDescription description;
  description.cid = cid;
  description.task = "text-embedding";
  description.dtype = "q4";
  return description;
}

RanOn ranOn(const std::string& browser, Backend backend = Backend::Wasm) {
  RanOn ranOn;
  ranOn.browser = browser;
  ranOn.browserVersion = "1.0";
  ranOn.backend = backend;
  ranOn.wasmThreads = 1;
  ranOn.connection = browser + "-0";
  return ranOn;
}

void teach(RunTimes& times, const sched::RunKey& key, double ms, int runs = 20) {
  for (int i = 0; i < runs; ++i) times.observe(key, "text-embedding", {.items = 1}, ms);
}

TEST(RunTimesTest, WhatWasLearnedIsThereAgain) {
  const Folder folder;
  const auto file = folder.path / "run-times.json";
  const auto key = runKey(model("bafy1"), ranOn("chromium"));
  {
    RunTimes times(file);
    teach(times, key, 12);
    EXPECT_TRUE(times.save());
  }
  RunTimes times(file);
  const auto known = times.predict(key, "text-embedding", {.items = 1});
  EXPECT_EQ(known.basis, sched::Basis::OwnRuns);
  EXPECT_NEAR(known.ms, 12, 1);
  EXPECT_NEAR(times.shortest(model("bafy1"), "chromium", Backend::Auto).value(), 12, 1);
  EXPECT_FALSE(times.shortest(model("bafy1"), "firefox", Backend::Auto));
  EXPECT_FALSE(times.shortest(model("bafy1"), "chromium", Backend::WebGpu));
  EXPECT_FALSE(times.shortest(model("bafy2"), "chromium", Backend::Auto));
}

TEST(RunTimesTest, AFewRunsAreNotEnoughToPreferABrowser) {
  const Folder folder;
  RunTimes times(folder.path / "run-times.json");
  teach(times, runKey(model("bafy1"), ranOn("chromium")), 12, 3);
  EXPECT_FALSE(times.shortest(model("bafy1"), "chromium", Backend::Auto));
}

TEST(RunTimesTest, DtypesAreComparedAtTheLeastSizeThatTheyAreUsedWith) {
  const Folder folder;
  RunTimes times(folder.path / "run-times.json");
  auto small = model("bafy1");
  auto large = model("bafy2");
  auto never = model("bafy3");
  small.dtype = "q8";
  large.dtype = "fp32";
  for (int i = 0; i < 40; ++i) {
    // 2 ms and 0.1 ms a byte, and 1 ms and 0.2 ms a byte.
    const double length = 100 + 20 * (i % 5);
    times.observe(runKey(large, ranOn("chromium")), "text-embedding", {1, length},
                  2 + 0.1 * length);
    times.observe(runKey(small, ranOn("chromium")), "text-embedding", {1, 40}, 1 + 0.2 * 40);
    times.observe(runKey(small, ranOn("firefox")), "text-embedding", {1, 40}, 5);
  }
  const std::vector<ModelDescription> dtypes{small, large, never};
  const auto there = times.compare(dtypes, {"chromium"}, Backend::Auto);
  ASSERT_EQ(there.size(), 3u);
  EXPECT_NEAR(there[0].value(), 9, 0.5);
  EXPECT_NEAR(there[1].value(), 6, 1);  // none was so short
  EXPECT_FALSE(there[2]);
  EXPECT_NEAR(times.compare(dtypes, {"chromium", "firefox"}, Backend::Auto)[0].value(), 5, 0.5);
  EXPECT_FALSE(times.compare(dtypes, {"chromium"}, Backend::WebGpu)[0]);
  EXPECT_FALSE(times.compare(dtypes, {}, Backend::Auto)[0]);
}

TEST(RunTimesTest, AJoinedDeviceIsForgotten) {
  const Folder folder;
  const auto file = folder.path / "run-times.json";
  auto on = ranOn("chromium");
  on.trust = Trust::Joined;
  on.connection = "joined-3";
  const auto key = runKey(model("bafy1"), on);
  {
    RunTimes times(file);
    teach(times, key, 12);
    EXPECT_TRUE(times.save());
  }
  RunTimes times(file);
  EXPECT_NE(times.predict(key, "text-embedding", {}).basis, sched::Basis::OwnRuns);
}

TEST(RunTimesTest, ADamagedFileCountsAsEmpty) {
  const Folder folder;
  const auto file = folder.path / "run-times.json";
  std::ofstream(file) << "{\"webpool\": \"";
  RunTimes times(file);
  const auto key = runKey(model("bafy1"), ranOn("chromium"));
  EXPECT_NE(times.predict(key, "text-embedding", {}).basis, sched::Basis::OwnRuns);
  teach(times, key, 5);
  EXPECT_TRUE(times.save());
}

TEST(RunTimesTest, OtherDevicesAreOtherKeys) {
  auto gpu = ranOn("chromium", Backend::WebGpu);
  gpu.adapter.emplace().description = "A GPU";
  const auto one = runKey(model("bafy1"), gpu);
  gpu.adapter->description = "another";
  EXPECT_NE(one, runKey(model("bafy1"), gpu));
}

}  // namespace
}  // namespace webpool::pool
