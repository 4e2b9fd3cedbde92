#include "record/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "record/schema_views.h"
#include "webpool/version.h"

namespace webpool::record {
namespace {

// Once released, a step is never changed: what comes later is a step of its own.

constexpr const char* kTables = R"(
CREATE TABLE webpool.sessions (
  session_id VARCHAR NOT NULL, started_at TIMESTAMP NOT NULL, webpool VARCHAR NOT NULL,
  pid BIGINT NOT NULL, system VARCHAR NOT NULL, cores BIGINT NOT NULL, memory_bytes BIGINT);
CREATE TABLE webpool.runs (
  session_id VARCHAR NOT NULL, run_id BIGINT NOT NULL, load_id BIGINT,
  started_at TIMESTAMP NOT NULL,
  model VARCHAR NOT NULL, component VARCHAR, cid VARCHAR, task VARCHAR, dtype VARCHAR,
  items BIGINT NOT NULL,
  connection VARCHAR, browser VARCHAR, browser_version VARCHAR, trust VARCHAR,
  backend VARCHAR, ran_on VARCHAR, hardware BOOLEAN,
  adapter VARCHAR, adapter_software BOOLEAN, adapter_info VARCHAR,
  threads BIGINT, checked_by VARCHAR,
  tries BIGINT NOT NULL,
  wait_ms DOUBLE, queue_ms DOUBLE, run_ms DOUBLE, total_ms DOUBLE NOT NULL,
  memory_bytes BIGINT, wasm_bytes BIGINT, gpu_bytes BIGINT,
  error VARCHAR, error_message VARCHAR);
CREATE TABLE webpool.loads (
  session_id VARCHAR NOT NULL, load_id BIGINT NOT NULL,
  started_at TIMESTAMP NOT NULL,
  model VARCHAR NOT NULL, component VARCHAR, cid VARCHAR, task VARCHAR, dtype VARCHAR,
  model_bytes BIGINT,
  connection VARCHAR, browser VARCHAR, browser_version VARCHAR, trust VARCHAR,
  backend VARCHAR, ran_on VARCHAR, hardware BOOLEAN,
  adapter VARCHAR, adapter_software BOOLEAN, adapter_info VARCHAR,
  threads BIGINT, checked_by VARCHAR,
  launch_ms DOUBLE, fetch_ms DOUBLE, compile_ms DOUBLE, warmup_ms DOUBLE,
  total_ms DOUBLE NOT NULL,
  bytes_network BIGINT, bytes_cache BIGINT,
  memory_bytes BIGINT, wasm_bytes BIGINT, gpu_bytes BIGINT,
  error VARCHAR, error_message VARCHAR);
CREATE TABLE webpool.connections (
  session_id VARCHAR NOT NULL, started_at TIMESTAMP NOT NULL, ended_at TIMESTAMP NOT NULL,
  connection VARCHAR NOT NULL, launch BIGINT NOT NULL,
  browser VARCHAR NOT NULL, browser_version VARCHAR, trust VARCHAR NOT NULL,
  adapter VARCHAR, adapter_software BOOLEAN, adapter_info VARCHAR,
  connected BOOLEAN NOT NULL, launch_ms DOUBLE,
  runs BIGINT NOT NULL, failed_runs BIGINT NOT NULL, run_ms DOUBLE NOT NULL,
  peak_memory_bytes BIGINT, reason VARCHAR NOT NULL, detail VARCHAR);
)";

constexpr const char* kPredictions = R"(
ALTER TABLE webpool.runs ADD COLUMN predicted_ms DOUBLE;
ALTER TABLE webpool.runs ADD COLUMN run_items BIGINT;
)";

constexpr const char* kPeerBytes = R"(
ALTER TABLE webpool.loads ADD COLUMN bytes_peer BIGINT;
)";

std::int64_t microsNow() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<void> makeTables(Database& database) {
  return database.execute(kTables);
}

Result<void> addPredictions(Database& database) {
  return database.execute(kPredictions);
}

Result<std::vector<std::string>> namesTaken(Database& database) {
  auto found = database.query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'");
  if (!found) return std::unexpected(found.error());
  std::vector<std::string> names;
  for (const auto& row : found->rows) {
    for (const auto& view : views(ViewVersion::WithPeers)) {
      if (row[0] == view.name) names.emplace_back(view.name);
    }
  }
  return names;
}

/// In the schema "webpool" always; in "main", where older queries look, unless a table of another
/// program has the name.
Result<void> makeViews(Database& database, ViewVersion version) {
  const auto taken = namesTaken(database);
  if (!taken) return std::unexpected(taken.error());
  for (const auto& view : views(version)) {
    if (auto made = database.execute(
            fmt::format("CREATE OR REPLACE VIEW webpool.{} AS {}", view.name, view.sql));
        !made) {
      return made;
    }
    if (std::ranges::find(*taken, view.name) != taken->end()) continue;
    if (auto made = database.execute(fmt::format(
            "CREATE OR REPLACE VIEW main.{} AS SELECT * FROM webpool.{}", view.name, view.name));
        !made) {
      return made;
    }
  }
  return {};
}

Result<void> makeFirstViews(Database& database) {
  return makeViews(database, ViewVersion::First);
}

Result<void> addPeerBytes(Database& database) {
  if (auto added = database.execute(kPeerBytes); !added) return added;
  return makeViews(database, ViewVersion::WithPeers);
}

/// Step i brings a file from version i to i + 1.
using Step = Result<void> (*)(Database&);
constexpr std::array<Step, 4> kSteps{makeTables, makeFirstViews, addPredictions, addPeerBytes};

Result<void> takeStep(Database& database, int from) {
  if (from == 0) {
    if (auto made = database.execute("CREATE SCHEMA IF NOT EXISTS webpool;"
                                     "CREATE TABLE webpool.schema_version (version BIGINT NOT "
                                     "NULL, applied_at TIMESTAMP NOT "
                                     "NULL, webpool VARCHAR NOT NULL);");
        !made) {
      return made;
    }
  }
  if (auto done = kSteps.at(static_cast<std::size_t>(from))(database); !done) return done;
  return database.execute(
      fmt::format("INSERT INTO webpool.schema_version VALUES ({}, make_timestamp({}), {})",
                  from + 1, microsNow(), sqlText(kVersion)));
}

}  // namespace

int newestVersion() {
  return static_cast<int>(kSteps.size());
}

Result<int> versionOf(Database& database) {
  const auto there = database.value(
      "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'webpool' AND table_name = "
      "'schema_version'");
  if (!there) return std::unexpected(there.error());
  if (*there == "0") return 0;
  const auto version = database.value("SELECT max(version) FROM webpool.schema_version");
  if (!version) return std::unexpected(version.error());
  const auto text = version->value_or("0");
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<void> migrate(Database& database, int to) {
  const auto version = versionOf(database);
  if (!version) return std::unexpected(version.error());
  if (*version > newestVersion()) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("the record's schema is of version {}, and this webpool knows {}",
                            *version, newestVersion()),
                "use the newer webpool, or give another file");
  }
  for (int from = *version; from < to; ++from) {
    if (auto begun = database.execute("BEGIN TRANSACTION"); !begun) return begun;
    if (auto done = takeStep(database, from); !done) {
      (void)database.execute("ROLLBACK");
      return done;
    }
    if (auto kept = database.execute("COMMIT"); !kept) return kept;
  }
  return {};
}

Result<std::vector<std::string>> viewsInTheWay(Database& database) {
  return namesTaken(database);
}

}  // namespace webpool::record
