// Files of other versions and of other programs, and what history tells of a file.
#include <fmt/format.h>

#include "record/rows.h"
#include "record/testing/record_fixture.h"

namespace webpool::record {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A file as a webpool left it whose newest schema was version 1, with one run.
void makeOldRecord(Database& database) {
  ASSERT_TRUE(migrate(database, 1));
  const auto session = thisSession();
  ASSERT_TRUE(append(database, session));
  const auto row = database.execute(fmt::format(
      "INSERT INTO webpool.runs (session_id, run_id, started_at, model, items, tries, total_ms) "
      "VALUES ('{}', 1, now(), 'old', 1, 1, 10)",
      session.id));
  ASSERT_TRUE(row) << row.error().describe();
}

TEST_F(RecordTest, AnOldFileGetsTheNewSchemaAndKeepsItsRows) {
  makeOldRecord(*open());
  ASSERT_FALSE(open()->query("SELECT * FROM webnn_webgpu_results"));
  makeRecord();
  EXPECT_EQ(value("SELECT string_agg(version, ' ' ORDER BY version) FROM webpool.schema_version"),
            "1 2 3 4");
  EXPECT_EQ(value("SELECT string_agg(model_name, ' ' ORDER BY model_name) "
                  "FROM webnn_webgpu_results"),
            "all-minilm-l6-v2 old");
  EXPECT_EQ(value("SELECT string_agg(model || coalesce(predicted_ms, -1)::INT, ' ' ORDER BY model) "
                  "FROM webpool.runs"),
            "all-minilm-l6-v29 old-1");
}

TEST_F(RecordTest, BytesOfOtherBrowsersAreToldOfLoadsThatKnewThem) {
  ASSERT_TRUE(migrate(*open(), 3));
  const auto insert = [&](const char* model, const char* network, const char* cache) {
    ASSERT_TRUE(open()->execute(
        fmt::format("INSERT INTO webpool.loads (session_id, load_id, started_at, model, total_ms, "
                    "bytes_network, bytes_cache) VALUES ('s', 1, now(), '{}', 10, {}, {})",
                    model, network, cache)));
  };
  insert("fetched", "5", "0");
  insert("kept", "0", "5");
  const auto record = openRecord(options());
  RecordedLoad load;
  load.number = 2;
  load.model = someRun().model;
  load.model.name = "shared";
  load.timings.compileMs = 1;
  load.timings.bytesNetwork = 1;
  load.timings.bytesPeer = 4;
  record->loaded(load);
  record->close();
  EXPECT_EQ(value("SELECT string_agg(model_name || ' ' || ipfs_source || ' ' || p2p_optimized || "
                  "' ' || ipfs_cache_hit || ' ' || coalesce(bytes_peer::VARCHAR, '-'), '; ' "
                  "ORDER BY model_name) FROM ipfs_acceleration_results"),
            "fetched origin false false -; kept cache false true -; shared peer true false 4");
}

TEST_F(RecordTest, ReadingAnOldFileBringsItUpToDate) {
  makeOldRecord(*open());
  const auto history = readHistory(file(), {});
  ASSERT_TRUE(history) << history.error().describe();
  EXPECT_EQ(history->schema, newestVersion());
  EXPECT_EQ(history->runs, 1U);
  EXPECT_EQ(value("SELECT count(*) FROM webnn_webgpu_results"), "1");
}

TEST_F(RecordTest, AFileOfANewerWebpoolIsLeftAsItIs) {
  makeRecord();
  ASSERT_TRUE(open()->execute(fmt::format(
      "INSERT INTO webpool.schema_version SELECT {}, applied_at, '9.9' FROM webpool.schema_version "
      "LIMIT 1",
      newestVersion() + 1)));
  const auto before = bytes();
  const auto record = openRecord(options());
  record->ran(someRun());
  record->close();
  EXPECT_EQ(bytes(), before);
  EXPECT_THAT(notices(), ElementsAre(HasSubstr("newer webpool"), HasSubstr("1 row could")));
  const auto history = readHistory(file(), {});
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().category, ErrorCategory::Unsupported);
}

TEST_F(RecordTest, TablesOfAnotherProgramStay) {
  ASSERT_TRUE(
      open()->execute("CREATE TABLE webnn_webgpu_results (latency_ms FLOAT); "
                      "INSERT INTO webnn_webgpu_results VALUES (1.5)"));
  const auto record = openRecord(options());
  record->ran(someRun());
  record->close();
  EXPECT_THAT(notices(), ElementsAre(HasSubstr("webnn_webgpu_results of another program")));
  EXPECT_EQ(value("SELECT latency_ms FROM webnn_webgpu_results"), "1.5");
  EXPECT_EQ(value("SELECT latency_ms FROM webpool.webnn_webgpu_results"), "10.0");
  EXPECT_EQ(value("SELECT total_tests FROM resource_pool_test_results"), "1");
}

TEST_F(RecordTest, HistoryIsByModelBrowserBackendAndDtype) {
  const auto record = openRecord(options());
  for (int i = 1; i <= 100; ++i) record->ran(someRun("a", i));
  auto failed = someRun("a", 1'000);
  failed.error = Error{ErrorCategory::Timeout, "late", ""};
  record->ran(failed);
  auto refused = someRun("b");
  refused.ranOn = {};
  refused.error = Error{ErrorCategory::InvalidInput, "no", ""};
  refused.startedAt += std::chrono::hours(1);
  record->ran(refused);
  record->close();
  HistoryOptions wanted;
  wanted.last = 1;
  const auto all = readHistory(file(), wanted);
  ASSERT_TRUE(all) << all.error().describe();
  EXPECT_EQ(all->runs, 102U);
  EXPECT_EQ(all->errors, 2U);
  ASSERT_EQ(all->groups.size(), 2U);
  const auto& a = all->groups[0];
  EXPECT_EQ(a.model + a.browser + a.backend + a.dtype, "achromiumwasmq4");
  EXPECT_EQ(a.runs, 101U);
  EXPECT_EQ(a.errors, 1U);
  EXPECT_DOUBLE_EQ(a.p50Ms.value(), 50.5);
  EXPECT_DOUBLE_EQ(a.p95Ms.value(), 95.05);
  EXPECT_NEAR(a.itemsPerSecond.value(), 200 * 1000.0 / 5050, 1e-9);
  EXPECT_EQ(all->groups[1].browser, "");
  EXPECT_FALSE(all->groups[1].p50Ms);
  ASSERT_EQ(all->last.size(), 1U);
  EXPECT_EQ(all->last[0].error, "invalid_input");
  wanted.model = "it's none";
  const auto none = readHistory(file(), wanted);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->runs, 0U);
  EXPECT_THAT(none->groups, IsEmpty());
}

TEST_F(RecordTest, WhatIsNoRecordIsNotFound) {
  EXPECT_EQ(readHistory(file(), {}).error().category, ErrorCategory::NotFound);
  EXPECT_FALSE(std::filesystem::exists(file()));
  ASSERT_TRUE(open()->execute("CREATE TABLE other (x INTEGER)"));
  EXPECT_EQ(readHistory(file(), {}).error().category, ErrorCategory::NotFound);
}

TEST_F(RecordTest, QuestionsChangeNothing) {
  makeRecord();
  EXPECT_EQ(value("SELECT count(*) AS n FROM webpool.runs -- all of them"), "1");
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs; "), "1");
  EXPECT_EQ(value("SHOW TABLES"), "browser_connection_metrics");
  for (const auto* sql :
       {"DELETE FROM webpool.runs", "SELECT 1); DELETE FROM webpool.runs; SELECT (1",
        "SELECT * FROM read_csv('/etc/passwd')", "SELECT nothing FROM webpool.runs", ""}) {
    const auto answer = record::ask(file(), sql);
    ASSERT_FALSE(answer) << sql;
    EXPECT_EQ(answer.error().category, ErrorCategory::InvalidArgument) << answer.error().describe();
  }
  EXPECT_EQ(value("SELECT count(*) FROM webpool.runs"), "1");
}

TEST_F(RecordTest, EveryColumnIsDocumented) {
  makeRecord();
  std::ifstream in(WEBPOOL_SOURCE_DIR "/docs/record.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const auto table =
      ask("SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'webpool' "
          "AND table_name <> 'schema_version'");
  EXPECT_GT(table.rows.size(), 150U);
  for (const auto& row : table.rows) {
    const auto& name = row[1].value();
    EXPECT_THAT(page, testing::ContainsRegex("[`, ]" + name + "[`,]")) << row[0].value();
    EXPECT_THAT(page, HasSubstr("`" + row[0].value() + "`"));
  }
}

TEST_F(RecordTest, ColumnsSayWhatIsANumber) {
  makeRecord();
  const auto table =
      ask("SELECT 1 AS a, 1.5::DECIMAL(4,2) AS b, 2.0::DOUBLE AS c, 'x' AS d, true AS e, [1] AS f, "
          "INTERVAL 1 DAY AS g, {'i': 1} AS h");
  std::string numbers;
  for (const auto& column : table.columns) numbers += column.isNumber() ? column.name : "";
  EXPECT_EQ(numbers, "abc");
}

}  // namespace
}  // namespace webpool::record
