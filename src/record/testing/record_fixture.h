// A folder with a record in it, for tests with a real DuckDB.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "record/history.h"
#include "record/schema.h"
#include "webpool/record.h"

namespace webpool::record {

inline RecordedRun someRun(const std::string& model = "all-minilm-l6-v2", double totalMs = 10) {
  RecordedRun run;
  run.startedAt = WallTime(std::chrono::milliseconds(1'700'000'000'123));
  run.model.name = model;
  run.model.cid = "bafy";
  run.model.task = "text-embedding";
  run.model.dtype = "q4";
  run.load = 1;
  run.ranOn.browser = "chromium";
  run.ranOn.browserVersion = "156.0";
  run.ranOn.connection = "chromium-0";
  run.ranOn.label = "wasm";
  run.ranOn.dtype = "q4";
  run.ranOn.wasmThreads = 1;
  run.items = 2;
  run.tries = 1;
  run.runItems = 4;
  run.predictedMs = 9;
  run.waitMs = 0.5;
  run.timings = {.queueMs = 0.25, .runMs = 8, .totalMs = totalMs};
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

  std::filesystem::path file() const { return folder_ / "record.duckdb"; }

  RecordOptions options() {
    RecordOptions options;
    options.file = file();
    options.notice = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(text);
    };
    return options;
  }

  std::vector<std::string> notices() {
    const std::lock_guard lock(mutex_);
    return notices_;
  }

  void waitForNotice() {
    waitUntil([this] { return !notices().empty(); });
  }
  static void waitUntilWritten(const Record& record, std::uint64_t rows) {
    waitUntil([&] { return record.counts().written >= rows; });
  }

  /// A record of so many runs, whole and closed.
  void makeRecord(int runs = 1) {
    const auto record = openRecord(options());
    for (int i = 0; i < runs; ++i) record->ran(someRun());
    record->close();
    ASSERT_THAT(notices(), testing::IsEmpty());
    ASSERT_EQ(record->counts().written, static_cast<std::uint64_t>(runs));
  }

  Table ask(const std::string& sql) const {
    auto answer = record::ask(file(), sql);
    EXPECT_TRUE(answer) << answer.error().describe();
    return answer ? *answer : Table{};
  }
  std::string value(const std::string& sql) const {
    const auto table = ask(sql);
    return table.rows.empty() ? "none" : table.rows[0][0].value_or("NULL");
  }

  std::unique_ptr<Database> open() const {
    auto opened = Database::open(*duckdb::load(), file(), Access::Write);
    EXPECT_TRUE(opened) << opened.error().describe();
    return opened ? std::move(*opened) : nullptr;
  }

  void write(const std::string& bytes) const { std::ofstream(file()) << bytes; }
  std::string bytes() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path folder_;

 private:
  template <class Condition>
  static void waitUntil(Condition holds) {
    constexpr int kMostTries = 12'000;  // a minute: only a test that fails takes so long
    for (int i = 0; i < kMostTries && !holds(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(holds());
  }

  std::mutex mutex_;
  std::vector<std::string> notices_;
};

}  // namespace webpool::record
