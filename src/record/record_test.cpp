// The record with a real DuckDB in real files.
#include <gmock/gmock.h>

#include "record/history.h"
#include "record/schema.h"
#include "webpool/record.h"

namespace webpool::record {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RecordedRun someRun(const std::string& model = "all-minilm-l6-v2") {
  RecordedRun run;
  run.startedAt = WallTime(std::chrono::milliseconds(1'700'000'000'123));
  run.model = {
      .name = model, .cid = "bafy", .task = "text-embedding", .dtype = "q4", .bytes = 54'000'000};
  run.load = 1;
  run.ranOn.browser = "chromium";
  run.ranOn.browserVersion = "156.0";
  run.ranOn.connection = "chromium-0";
  run.ranOn.label = "wasm";
  run.ranOn.dtype = "q4";
  run.ranOn.wasmThreads = 1;
  run.items = 2;
  run.tries = 1;
  run.waitMs = 0.5;
  run.timings = {.queueMs = 0.25, .runMs = 8, .totalMs = 10};
  run.memory.pss = 300'000'000;
  return run;
}

class RecordTest : public testing::Test {
 protected:
  RecordTest() {
    char pattern[] = "/tmp/webpool-record-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  ~RecordTest() override { std::filesystem::remove_all(folder_); }

  RecordOptions options() {
    return {.file = folder_ / "record.duckdb", .notice = [this](const std::string& text) {
              const std::lock_guard lock(mutex_);
              notices_.push_back(text);
            }};
  }
  std::filesystem::path file() const { return folder_ / "record.duckdb"; }
  std::vector<std::string> notices() {
    const std::lock_guard lock(mutex_);
    return notices_;
  }
  Table ask(const std::string& sql) {
    auto answer = record::ask(file(), sql);
    EXPECT_TRUE(answer) << answer.error().describe();
    return answer ? *answer : Table{};
  }

  std::filesystem::path folder_;
  std::mutex mutex_;
  std::vector<std::string> notices_;
};

TEST_F(RecordTest, WhatWasRunIsInTheFile) {
  auto record = openRecord(options());
  record->ran(someRun());
  record->close();
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(record->counts().written, 1u);
  const auto table =
      ask("SELECT model, cid, task, dtype, items, browser, backend, ran_on, wait_ms, total_ms, "
          "memory_bytes, error, started_at FROM webpool.runs");
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_THAT(table.rows[0], ElementsAre("all-minilm-l6-v2", "bafy", "text-embedding", "q4", "2",
                                         "chromium", "wasm", "wasm", "0.5", "10.0", "300000000",
                                         std::nullopt, "2023-11-14 22:13:20.123"));
}

}  // namespace
}  // namespace webpool::record
