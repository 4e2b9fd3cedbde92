// What a record is told is what a real DuckDB reads in its file.
#include "record/testing/record_fixture.h"

namespace webpool::record {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::optional<std::string> kNull;

TEST_F(RecordTest, WhatWasRunIsInTheFile) {
  makeRecord();
  const auto table = ask(
      "SELECT run_id, load_id, started_at, model, component, cid, task, dtype, items, connection, "
      "browser, browser_version, trust, backend, ran_on, hardware, adapter, threads, tries, "
      "wait_ms, queue_ms, run_ms, total_ms, memory_bytes, gpu_bytes, error, predicted_ms, "
      "run_items "
      "FROM webpool.runs");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_THAT(table.rows[0],
              ElementsAre("1", "1", "2023-11-14 22:13:20.123", "all-minilm-l6-v2", kNull, "bafy",
                          "text-embedding", "q4", "2", "chromium-0", "chromium", "156.0",
                          "launched", "wasm", "wasm", "false", kNull, "1", "1", "0.5", "0.25",
                          "8.0", "10.0", "300000000", kNull, kNull, "9.0", "4"));
  EXPECT_EQ(value("SELECT count(*) FROM webpool.sessions s JOIN webpool.runs r "
                  "ON r.session_id = s.session_id WHERE s.cores > 0"),
            "1");
}

TEST_F(RecordTest, AFailedRunHasItsErrorAndNoPhases) {
  const auto record = openRecord(options());
  auto run = someRun();
  run.error = Error{ErrorCategory::InvalidInput, "it's \"wrong\"; \xff\xc3\xa9", "hint"};
  run.ranOn = {};
  run.load = 0;
  record->ran(run);
  record->close();
  EXPECT_THAT(notices(), IsEmpty());
  const auto table = ask(
      "SELECT error, error_message, load_id, browser, backend, hardware, wait_ms, run_ms, total_ms "
      "FROM webpool.runs");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_THAT(table.rows[0], ElementsAre("invalid_input", "it's \"wrong\"; ?\xc3\xa9", kNull, kNull,
                                         kNull, kNull, kNull, kNull, "10.0"));
}

TEST_F(RecordTest, LoadsAndConnectionsHaveTablesOfTheirOwn) {
  const auto record = openRecord(options());
  RecordedLoad load;
  load.number = 7;
  load.model = someRun().model;
  load.model.bytes = 54;
  load.ranOn = someRun().ranOn;
  load.ranOn.backend = Backend::WebGpu;
  load.ranOn.label = "webgpu";
  load.ranOn.adapter = AdapterInfo{};
  load.ranOn.adapter->vendor = "google";
  load.ranOn.adapter->software = true;
  load.timings.fetchMs = 1.5;
  load.timings.compileMs = 2.5;
  load.timings.totalMs = 5;
  load.timings.bytesNetwork = 4'000'000'000;
  load.timings.bytesCache = 3;
  record->loaded(load);
  RecordedConnection connection;
  connection.startedAt = WallTime(std::chrono::seconds(1'000));
  connection.endedAt = WallTime(std::chrono::seconds(1'010));
  connection.connection = "chromium-0";
  connection.launch = 2;
  connection.browser = "chromium";
  connection.connected = true;
  connection.launchMs = 800;
  connection.runs = 5;
  connection.failedRuns = 1;
  connection.peakMemory = 400;
  connection.reason = "heartbeat_lost";
  record->left(connection);
  record->close();
  const auto loads = ask(
      "SELECT load_id, model_bytes, fetch_ms, compile_ms, warmup_ms, bytes_network, bytes_cache, "
      "adapter, adapter_software, hardware FROM webpool.loads");
  ASSERT_EQ(loads.rows.size(), 1U);
  EXPECT_THAT(loads.rows[0], ElementsAre("7", "54", "1.5", "2.5", kNull, "4000000000", "3",
                                         "google (software)", "true", "false"));
  const auto connections =
      ask("SELECT connection_id, connection_duration_sec, models_executed, error_count, "
          "connection_success, heartbeat_failures FROM browser_connection_metrics");
  ASSERT_EQ(connections.rows.size(), 1U);
  EXPECT_THAT(connections.rows[0], ElementsAre("chromium-0/2", "10.0", "5", "1", "true", "1"));
}

TEST_F(RecordTest, ViewsHaveTheColumnsThatOlderQueriesUse) {
  const auto record = openRecord(options());
  RecordedLoad load;
  load.number = 1;
  load.model = someRun().model;
  load.timings.bytesCache = 54;
  load.timings.compileMs = 1;
  record->loaded(load);
  record->ran(someRun());
  record->close();
  const auto run = ask(
      "SELECT id, model_name, model_type, platform, browser, is_real_hardware, precision, "
      "mixed_precision, ipfs_accelerated, ipfs_cache_hit, compute_shader_optimized, latency_ms, "
      "throughput_items_per_sec, memory_usage_mb, details FROM webnn_webgpu_results "
      "WHERE timestamp IS NOT NULL AND adapter_info IS NULL AND system_info IS NOT NULL");
  ASSERT_EQ(run.rows.size(), 1U);
  EXPECT_THAT(run.rows[0],
              ElementsAre("0", "all-minilm-l6-v2", "text_embedding", "cpu", "chromium", "false",
                          "4", "false", "true", "true", "false", "10.0", "200.0", "300.0",
                          R"({"tries":1,"wait_ms":0.5,"queue_ms":0.25,"run_ms":8.0})"));
  const auto pool =
      ask("SELECT total_tests, successful_tests, ipfs_accelerated_count, ipfs_cache_hits, "
          "real_implementations, test_duration_seconds, summary FROM resource_pool_test_results");
  ASSERT_EQ(pool.rows.size(), 1U);
  EXPECT_THAT(pool.rows[0],
              ElementsAre("1", "1", "1", "1", "1", "0.01", R"({"errors":0,"items":2})"));
  EXPECT_EQ(value("SELECT ipfs_source FROM ipfs_acceleration_results"), "cache");
}

TEST_F(RecordTest, RowsAreInTheFileWhileTheRecordIsKept) {
  auto wanted = options();
  wanted.writeEvery = std::chrono::milliseconds(10);
  const auto record = openRecord(wanted);
  record->ran(someRun());
  waitUntilWritten(*record, 1);
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "1");
  record->ran(someRun());
  waitUntilWritten(*record, 2);
  EXPECT_EQ(value("SELECT count(DISTINCT run_id) FROM webpool.runs"), "2");
}

TEST_F(RecordTest, ItsEndWritesWhatWaits) {
  auto wanted = options();
  wanted.writeEvery = std::chrono::hours(1);
  {
    const auto record = openRecord(wanted);
    for (int i = 0; i < 500; ++i) record->ran(someRun());
  }
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "500");
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(RecordTest, FurtherRecordsAddToTheFile) {
  makeRecord(2);
  makeRecord(3);
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "5");
  EXPECT_EQ(value("SELECT count(DISTINCT session_id) FROM webpool.runs"), "2");
}

TEST_F(RecordTest, RecordsOfOneProcessShareAFile) {
  auto wanted = options();
  wanted.writeEvery = std::chrono::milliseconds(1);
  {
    const auto one = openRecord(wanted);
    const auto two = openRecord(wanted);
    for (int i = 0; i < 50; ++i) {
      one->ran(someRun("one"));
      two->ran(someRun("two"));
      std::this_thread::yield();
    }
  }
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs WHERE model = 'one'"), "50");
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs WHERE model = 'two'"), "50");
}

TEST_F(RecordTest, AFileThatIsTakenAwayIsMadeAnew) {
  auto wanted = options();
  wanted.writeEvery = std::chrono::milliseconds(1);
  const auto record = openRecord(wanted);
  record->ran(someRun());
  waitUntilWritten(*record, 1);
  std::filesystem::remove(file());
  record->ran(someRun());
  record->close();
  EXPECT_EQ(value("SELECT count(*) FROM webpool.sessions"), "1");
  EXPECT_EQ(value("SELECT run_id FROM webpool.runs"), "2");
}

}  // namespace
}  // namespace webpool::record
