#include "record/history.h"

#include <fmt/format.h>

#include <charconv>
#include <thread>

#include "record/schema.h"

namespace webpool::record {
namespace {

using Clock = std::chrono::steady_clock;
using Cell = std::optional<std::string>;

constexpr std::chrono::milliseconds kBetweenTries{50};

using Opened = Result<std::unique_ptr<Database>>;

/// Waits while another process writes.
Opened openPatiently(const std::shared_ptr<const duckdb::Library>& library,
                     const std::filesystem::path& file, Access access, Clock::time_point until) {
  while (true) {
    auto database = Database::open(library, file, access);
    const bool again = !database && database.error().category == ErrorCategory::Busy &&
                       Clock::now() + kBetweenTries < until;
    if (!again) return database;
    std::this_thread::sleep_for(kBetweenTries);
  }
}

Opened openToRead(const std::filesystem::path& file, std::chrono::milliseconds patience) {
  std::error_code code;
  if (!std::filesystem::exists(file, code)) {
    return fail(ErrorCategory::NotFound, fmt::format("there is no record {}", file.native()),
                "webpool run --db-path FILE makes one");
  }
  auto library = duckdb::load();
  if (!library) return std::unexpected(library.error());
  const auto until = Clock::now() + patience;
  auto database = openPatiently(*library, file, Access::Read, until);
  if (!database) return database;
  const auto version = versionOf(**database);
  if (!version) return std::unexpected(version.error());
  if (*version == 0) {
    return fail(ErrorCategory::NotFound,
                fmt::format("{} holds no record of webpool", file.native()),
                "give the file that --db-path was given");
  }
  // What is newer is refused; what is older is brought up to date, which takes writing.
  if (*version >= newestVersion()) {
    if (auto known = migrate(**database); !known) return std::unexpected(known.error());
    return database;
  }
  database->reset();
  database = openPatiently(*library, file, Access::Write, until);
  if (!database) return database;
  if (auto migrated = migrate(**database); !migrated) return std::unexpected(migrated.error());
  return database;
}

template <class Number>
std::optional<Number> numberIn(const Cell& cell) {
  if (!cell) return std::nullopt;
  Number number{};
  const auto* end = cell->data() + cell->size();
  return std::from_chars(cell->data(), end, number).ptr == end ? std::optional(number)
                                                               : std::nullopt;
}

std::uint64_t count(const Cell& cell) {
  return numberIn<std::uint64_t>(cell).value_or(0);
}

std::string modelCondition(const std::string& model) {
  return model.empty() ? "TRUE" : "model = " + sqlText(model);
}

Result<void> readTotals(Database& database, const std::string& condition, History& history) {
  const auto runs = database.query(fmt::format(
      "SELECT count(DISTINCT session_id), count(*), count(error), min(started_at), max(started_at) "
      "FROM webpool.runs WHERE {}",
      condition));
  if (!runs) return std::unexpected(runs.error());
  const auto loads =
      database.query(fmt::format("SELECT count(*), CAST(sum(bytes_network) AS UBIGINT), "
                                 "CAST(sum(bytes_cache) AS UBIGINT) FROM webpool.loads WHERE {}",
                                 condition));
  if (!loads) return std::unexpected(loads.error());
  const auto& run = runs->rows.at(0);
  history.sessions = count(run[0]);
  history.runs = count(run[1]);
  history.errors = count(run[2]);
  history.from = run[3].value_or("");
  history.to = run[4].value_or("");
  const auto& load = loads->rows.at(0);
  history.loads = count(load[0]);
  history.bytesNetwork = count(load[1]);
  history.bytesCache = count(load[2]);
  return {};
}

Result<void> readGroups(Database& database, const std::string& condition, History& history) {
  const auto found = database.query(fmt::format(
      "SELECT model, browser, ran_on, dtype, count(*) AS runs, count(error), "
      "quantile_cont(total_ms, 0.5) FILTER (WHERE error IS NULL), "
      "quantile_cont(total_ms, 0.95) FILTER (WHERE error IS NULL), "
      "sum(items) FILTER (WHERE error IS NULL) * 1000.0 / "
      "nullif(sum(total_ms) FILTER (WHERE error IS NULL), 0) "
      "FROM webpool.runs WHERE {} GROUP BY ALL ORDER BY runs DESC, model, browser, ran_on, dtype",
      condition));
  if (!found) return std::unexpected(found.error());
  for (const auto& row : found->rows) {
    history.groups.push_back({.model = row[0].value_or(""),
                              .browser = row[1].value_or(""),
                              .backend = row[2].value_or(""),
                              .dtype = row[3].value_or(""),
                              .runs = count(row[4]),
                              .errors = count(row[5]),
                              .p50Ms = numberIn<double>(row[6]),
                              .p95Ms = numberIn<double>(row[7]),
                              .itemsPerSecond = numberIn<double>(row[8])});
  }
  return {};
}

Result<void> readLast(Database& database, const std::string& condition, std::uint64_t last,
                      History& history) {
  const auto found = database.query(
      fmt::format("SELECT started_at, model, browser, ran_on, dtype, items, total_ms, error "
                  "FROM webpool.runs WHERE {} ORDER BY started_at DESC, run_id DESC LIMIT {}",
                  condition, last));
  if (!found) return std::unexpected(found.error());
  for (const auto& row : found->rows) {
    history.last.push_back({.startedAt = row[0].value_or(""),
                            .model = row[1].value_or(""),
                            .browser = row[2].value_or(""),
                            .backend = row[3].value_or(""),
                            .dtype = row[4].value_or(""),
                            .items = count(row[5]),
                            .totalMs = numberIn<double>(row[6]).value_or(0),
                            .error = row[7].value_or("")});
  }
  return {};
}

}  // namespace

Result<History> readHistory(const std::filesystem::path& file, const HistoryOptions& options) {
  auto database = openToRead(file, options.patience);
  if (!database) return std::unexpected(database.error());
  const auto condition = modelCondition(options.model);
  History history;
  history.schema = newestVersion();
  auto done = readTotals(**database, condition, history);
  if (done) done = readGroups(**database, condition, history);
  if (done && options.last > 0) done = readLast(**database, condition, options.last, history);
  if (!done) return std::unexpected(done.error());
  return history;
}

Result<Table> ask(const std::filesystem::path& file, const std::string& sql,
                  std::chrono::milliseconds patience) {
  auto database = openToRead(file, patience);
  if (!database) return std::unexpected(database.error());
  auto answer = (*database)->query(sql);
  if (!answer && answer.error().category == ErrorCategory::Storage) {
    answer.error().category = ErrorCategory::InvalidArgument;
    answer.error().hint = "docs/record.md has the tables and their columns";
  }
  return answer;
}

}  // namespace webpool::record
