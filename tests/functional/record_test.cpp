// --db-path and `webpool stats` with a real browser and a real DuckDB.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <thread>

#include "cli_harness.h"
#include "webpool/pool.h"
#include "webpool/record.h"
#include "webpool/resource_pool_bridge.h"

namespace webpool::functional {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

class RecordOfRuns : public CliTest {
 protected:
  std::string file() const { return (folder() / "runs.duckdb").native(); }

  Finished embed(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{
        "run", "--model", "all-minilm-l6-v2", "--backend", "wasm", "--dtype", "q4"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(std::move(arguments));
  }

  json::array ask(const std::string& sql) {
    const auto answer = run({"stats", "--db-path", file(), "--json", "--sql", sql});
    EXPECT_EQ(answer.code, 0) << answer.err;
    return answer.code == 0 ? json::parse(answer.out).as_array() : json::array{};
  }
};

TEST_F(RecordOfRuns, TwoRunsAreHistory) {
  ensureModel("all-minilm-l6-v2", "q4");
  for (int i = 0; i < 2; ++i) {
    const auto ran = embed({"--db-path", file(), "a sentence", "another"});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.err, Not(HasSubstr("record")));
  }
  const auto stats = run({"stats", "--db-path", file(), "--json", "--last", "1"});
  ASSERT_EQ(stats.code, 0) << stats.err;
  const auto history = stats.json();
  EXPECT_EQ(history.at("sessions"), 2);
  EXPECT_EQ(history.at("runs"), 2);
  EXPECT_EQ(history.at("errors"), 0);
  EXPECT_EQ(history.at("last").as_array().size(), 1U);
  const auto& groups = history.at("groups").as_array();
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].at("model"), "all-minilm-l6-v2");
  EXPECT_EQ(groups[0].at("browser"), "chromium");
  EXPECT_EQ(groups[0].at("backend"), "wasm");
  EXPECT_EQ(groups[0].at("dtype"), "q4");
  EXPECT_GT(groups[0].at("p50_ms").as_double(), 0);

  const auto runs = ask(
      "SELECT model, items, browser_version, cid, checked_by, threads, tries, memory_bytes, "
      "wait_ms >= 0 AND queue_ms >= 0 AND run_ms > 0 AND wait_ms + queue_ms + run_ms <= total_ms "
      "AS phases FROM webpool.runs ORDER BY started_at");
  ASSERT_EQ(runs.size(), 2U);
  for (const auto& row : runs) {
    EXPECT_EQ(row.at("items"), 2);
    EXPECT_THAT(row.at("browser_version").as_string().c_str(), HasSubstr("."));
    EXPECT_THAT(row.at("cid").as_string().c_str(), HasSubstr("bafy"));
    EXPECT_EQ(row.at("checked_by"), "golden answer");
    EXPECT_EQ(row.at("tries"), 1);
    EXPECT_GT(row.at("memory_bytes").as_int64(), 10'000'000);
    EXPECT_EQ(row.at("phases"), true);
  }
  // The first load brought the bytes into the browser, and the second found them there.
  const auto loads = ask(
      "SELECT bytes_network = model_bytes AND bytes_cache = 0 AS fetched, "
      "bytes_network = 0 AND bytes_cache = model_bytes AS kept, compile_ms > 0 AND warmup_ms > 0 "
      "AND launch_ms > 0 AS timed FROM webpool.loads ORDER BY started_at");
  ASSERT_EQ(loads.size(), 2U);
  EXPECT_EQ(loads[0].at("fetched"), true);
  EXPECT_EQ(loads[1].at("kept"), true);
  EXPECT_EQ(loads[0].at("timed"), true);
  const auto connections =
      ask("SELECT connection, browser, reason, connected, runs, peak_memory_bytes > 0 AS sampled, "
          "ended_at > started_at AS lived FROM webpool.connections");
  ASSERT_EQ(connections.size(), 2U);
  EXPECT_EQ(connections[0].at("reason"), "pool_closed");
  EXPECT_EQ(connections[0].at("connected"), true);
  EXPECT_EQ(connections[0].at("runs"), 2);  // the golden answer's too
  EXPECT_EQ(connections[0].at("lived"), true);
  const auto older =
      ask("SELECT model_type, platform, precision, ipfs_cache_hit, latency_ms > 0 AS timed "
          "FROM webnn_webgpu_results ORDER BY timestamp");
  ASSERT_EQ(older.size(), 2U);
  EXPECT_EQ(older[1].at("model_type"), "text_embedding");
  EXPECT_EQ(older[1].at("platform"), "cpu");
  EXPECT_EQ(older[1].at("precision"), 4);
  EXPECT_EQ(older[1].at("ipfs_cache_hit"), true);
  expectNothingLeft();
}

TEST_F(RecordOfRuns, WhatPlacementExpectedIsThereOnceRunsWereSeen) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto ran = embed({"--db-path", file(), "--repeat", "30", "a sentence", "another"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto found =
      ask("SELECT count(*) AS runs, count(predicted_ms) AS predicted, min(run_items) AS fewest, "
          "first(predicted_ms ORDER BY started_at) IS NULL AS nothing_known, "
          "min(predicted_ms) > 0 AS times FROM webpool.runs");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].at("runs"), 30);
  EXPECT_GT(found[0].at("predicted").as_int64(), 0);
  EXPECT_EQ(found[0].at("nothing_known"), true);
  EXPECT_EQ(found[0].at("times"), true);
  EXPECT_EQ(found[0].at("fewest"), 2);
}

TEST_F(RecordOfRuns, FailuresLeaveRowsWithTheirErrors) {
  ensureModel("all-minilm-l6-v2", "q4");
  environment_["BENCHMARK_DB_PATH"] = file();
  EXPECT_EQ(run({"run", "--model", "no-such-model", "a"}).code, 4);
  EXPECT_EQ(embed({"--inputs", "/none.npz"}).code, 2);
  const auto browser =
      write("dies", "#!/bin/sh\n[ \"$1\" != --version ] || echo Chromium 156.0.1.2\n");
  std::filesystem::permissions(browser, std::filesystem::perms::owner_all);
  const auto failed = embed({"--browser-path", "chromium=" + browser.native(), "a"});
  EXPECT_EQ(failed.code, 5) << failed.err;
  EXPECT_EQ(embed({"--timeout", "0.001", "a"}).code, 9);
  const auto loads = ask("SELECT error, model FROM webpool.loads WHERE error IS NOT NULL");
  std::string errors;
  for (const auto& load : loads) {
    errors += std::string(load.at("model").as_string()) + ' ' +
              std::string(load.at("error").as_string()) + '\n';
  }
  EXPECT_THAT(errors, HasSubstr("no-such-model not_found\n"));
  EXPECT_THAT(errors, HasSubstr("all-minilm-l6-v2 browser_failed\n"));
  EXPECT_THAT(errors, HasSubstr("all-minilm-l6-v2 timeout\n"));
  const auto runs = ask("SELECT error, model FROM webpool.runs");
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].at("model"), "all-minilm-l6-v2");
  const auto launches = ask("SELECT reason FROM webpool.connections WHERE NOT connected");
  ASSERT_GE(launches.size(), 1U);
  EXPECT_THAT(std::string(launches[0].at("reason").as_string()),
              testing::AnyOf("launch_failed", "process_ended"));
}

TEST_F(RecordOfRuns, ARunWithWrongInputsLeavesARow) {
  ensureModel("all-minilm-l6-v2", "q4");
  BridgeOptions options;
  options.dbPath = file();
  options.pool.dataFolder = sharedData();
  options.pool.cacheFolder = folder() / "cache";
  ResourcePoolBridgeIntegration integration(std::move(options));
  ASSERT_TRUE(integration.initialize());
  auto model = integration.getModel("text_embedding", "all-minilm-l6-v2");
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_TRUE((**model)(std::string("a sentence")).success);
  const auto failed = (**model)(std::string("\xff"));
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->category, ErrorCategory::InvalidInput);
  integration.close();
  const auto runs = ask("SELECT error, tries, browser FROM webpool.runs ORDER BY started_at");
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].at("error"), nullptr);
  EXPECT_EQ(runs[1].at("error"), "invalid_input");
  EXPECT_EQ(runs[1].at("tries"), 0);
  EXPECT_EQ(runs[1].at("browser"), nullptr);
}

TEST_F(RecordOfRuns, ProgramsShareAFile) {
  ensureModel("all-minilm-l6-v2", "q4");
  const std::vector<std::string> arguments{
      "run", "--model",     "all-minilm-l6-v2", "--backend", "wasm", "--dtype",
      "q4",  "--ephemeral", "--db-path",        file(),      "a"};
  const auto one = start(arguments);
  const auto two = start(arguments);
  for (auto* program : {one.get(), two.get()}) {
    const auto finished = program->wait();
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_THAT(finished.err, Not(HasSubstr("could not be written")));
  }
  EXPECT_EQ(ask("SELECT * FROM webpool.runs").size(), 2U);
}

/// Keeps what it is told.
class Listener final : public RunObserver {
 public:
  void ran(RecordedRun run) override { add(runs, std::move(run)); }
  void loaded(RecordedLoad load) override { add(loads, std::move(load)); }
  void left(RecordedConnection connection) override { add(connections, std::move(connection)); }

  std::vector<RecordedRun> runs;
  std::vector<RecordedLoad> loads;
  std::vector<RecordedConnection> connections;

 private:
  template <class Row>
  void add(std::vector<Row>& rows, Row row) {
    const std::lock_guard lock(mutex_);
    rows.push_back(std::move(row));
  }
  std::mutex mutex_;
};

TEST_F(RecordOfRuns, ABrowserThatDiesIsInIt) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto listener = std::make_shared<Listener>();
  {
    PoolOptions options;
    options.dataFolder = sharedData();
    options.cacheFolder = folder() / "cache";
    options.observer = listener;
    const auto pool = ResourcePool::open(std::move(options));
    ASSERT_TRUE(pool) << pool.error().describe();
    const auto model = (*pool)->load("all-minilm-l6-v2", {.backend = Backend::Wasm, .dtype = "q4"});
    ASSERT_TRUE(model) << model.error().describe();
    const std::vector<std::string> texts{"one", "two", "three"};
    ASSERT_TRUE(model->embed(texts));
    const auto browser = (*pool)->connections().at(0);
    ASSERT_EQ(kill(browser.pid, SIGKILL), 0);
    // Its page may live for a moment longer, and answer.
    while ((*pool)->connections().at(0).pid == browser.pid) std::this_thread::yield();
    ASSERT_TRUE(model->embed(texts));
  }
  ASSERT_EQ(listener->runs.size(), 2U);
  EXPECT_EQ(listener->runs[0].items, 3U);
  EXPECT_EQ(listener->runs[0].load, listener->loads.at(0).number);
  EXPECT_EQ(listener->runs[1].load, listener->loads.back().number);
  EXPECT_GE(listener->loads.size(), 2U);
  ASSERT_EQ(listener->connections.size(), 2U);
  const auto& died = listener->connections[0];
  EXPECT_THAT(died.reason, testing::AnyOf("process_ended", "heartbeat_lost"));
  EXPECT_EQ(died.launch, 1U);
  EXPECT_TRUE(died.connected);
  EXPECT_EQ(died.runs, 2U);  // the golden answer's too
  EXPECT_GT(died.runMs, 0);
  EXPECT_EQ(listener->connections[1].launch, 2U);
  EXPECT_EQ(listener->connections[1].reason, "pool_closed");
}

TEST_F(RecordOfRuns, ADamagedFileFailsNoRun) {
  ensureModel("all-minilm-l6-v2", "q4");
  const auto damaged = write("damaged.duckdb", std::string(10'000, 'x'));
  const auto ran = embed({"--db-path", damaged.native(), "a"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("no record is kept"));
  const auto stats = run({"stats", "--db-path", damaged.native()});
  EXPECT_EQ(stats.code, 7);
  EXPECT_THAT(stats.err, HasSubstr("[integrity]"));
}

TEST_F(RecordOfRuns, AProgramWithoutDuckDbRunsAndSaysSo) {
  ensureModel("all-minilm-l6-v2", "q4");
  environment_["WEBPOOL_DUCKDB"] = "/none/libduckdb.so";
  const auto ran = embed({"--db-path", file(), "a"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("DuckDB is not there"));
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(RecordOfRuns, StatsSaysWhatItLacks) {
  const auto none = run({"stats"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("BENCHMARK_DB_PATH"));
  const auto missing = run({"stats", "--db-path", file()});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.err, HasSubstr("there is no record"));
  EXPECT_FALSE(std::filesystem::exists(file()));
}

}  // namespace
}  // namespace webpool::functional
