#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <set>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/record_flags.h"
#include "cli/terminal.h"
#include "record/history.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;
using Rows = std::vector<std::vector<std::string>>;

struct StatsFlags {
  std::string dbPath;
  std::string model;
  std::uint64_t last = 0;
  std::string sql;
  bool sqlGiven = false;
  bool json = false;
};

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 6;  ///< of a column that is shortened

/// Each row as lines of "column  value", for rows that have no room on a line.
std::string listText(const Rows& rows) {
  std::string text;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    Rows lines;
    for (std::size_t column = 0; column < rows[i].size(); ++column) {
      lines.push_back({rows.front()[column], rows[i][column]});
    }
    text += (i > 1 ? "\n" : "") + tableText(lines);
  }
  return text;
}

/// Shortens the cells of the widest columns until a row has room on the screen; in a file or a pipe
/// nothing is shortened. `whole`: columns that keep every character, which are numbers and times.
std::string fittedTable(Rows rows, const std::set<std::size_t>& whole) {
  const auto screen = screenWidth();
  if (!screen) return tableText(rows);
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], textWidth(row[i]));
  }
  if (widths.empty()) return {};
  while (std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1)) > *screen) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (!whole.contains(i) && (widest == nullptr || widths[i] > *widest)) widest = &widths[i];
    }
    if (widest == nullptr || *widest <= kNarrowest) return listText(rows);
    --*widest;
  }
  for (auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = fitText(row[i], widths[i]);
  }
  return tableText(rows);
}

json::value orNull(const std::optional<double>& value) {
  // JSON has no infinity.
  return value && std::isfinite(*value) ? json::value(*value) : json::value();
}

json::value orNull(const std::string& text) {
  return text.empty() ? json::value() : json::value(text);
}

std::string orDash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string timeOrDash(const std::optional<double>& milliseconds) {
  return milliseconds ? millisecondsText(*milliseconds) : "-";
}

std::string rateText(const std::optional<double>& rate) {
  if (!rate) return "-";
  return *rate < 10 ? fmt::format("{:.2f}", *rate) : fmt::format("{:.0f}", *rate);
}

std::string plural(std::uint64_t count, const std::string& word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

json::object toJson(const record::RunGroup& group) {
  return {{"model", group.model},
          {"browser", orNull(group.browser)},
          {"backend", orNull(group.backend)},
          {"dtype", orNull(group.dtype)},
          {"runs", group.runs},
          {"errors", group.errors},
          {"p50_ms", orNull(group.p50Ms)},
          {"p95_ms", orNull(group.p95Ms)},
          {"items_per_sec", orNull(group.itemsPerSecond)}};
}

json::object toJson(const record::PastRun& run) {
  return {{"started_at", run.startedAt},    {"model", run.model},
          {"browser", orNull(run.browser)}, {"backend", orNull(run.backend)},
          {"dtype", orNull(run.dtype)},     {"items", run.items},
          {"total_ms", run.totalMs},        {"error", orNull(run.error)}};
}

void printJson(const std::string& file, const record::History& history, bool last) {
  json::array groups;
  for (const auto& group : history.groups) groups.push_back(toJson(group));
  json::object object{{"file", file},
                      {"schema", history.schema},
                      {"sessions", history.sessions},
                      {"runs", history.runs},
                      {"errors", history.errors},
                      {"from", orNull(history.from)},
                      {"to", orNull(history.to)},
                      {"loads", history.loads},
                      {"bytes_network", history.bytesNetwork},
                      {"bytes_cache", history.bytesCache},
                      {"groups", std::move(groups)}};
  if (last) {
    json::array runs;
    for (const auto& run : history.last) runs.push_back(toJson(run));
    object["last"] = std::move(runs);
  }
  std::printf("%s\n", json::serialize(object).c_str());
}

/// "2026-11-27 11:02:33.123456" as far as the minute.
std::string minute(const std::string& time) {
  return time.substr(0, 16);
}

Rows groupRows(const record::History& history) {
  Rows rows{{"MODEL", "BROWSER", "BACKEND", "DTYPE", "RUNS", "P50", "P95", "ITEMS/S", "ERRORS"}};
  for (const auto& group : history.groups) {
    rows.push_back({group.model, orDash(group.browser), orDash(group.backend), orDash(group.dtype),
                    std::to_string(group.runs), timeOrDash(group.p50Ms), timeOrDash(group.p95Ms),
                    rateText(group.itemsPerSecond), std::to_string(group.errors)});
  }
  return rows;
}

Rows lastRows(const record::History& history) {
  Rows rows{{"TIME (UTC)", "MODEL", "BROWSER", "BACKEND", "DTYPE", "ITEMS", "TOTAL", "RESULT"}};
  for (const auto& run : history.last) {
    // Month, day and time of day: "11-27 11:02:33".
    const auto time = run.startedAt.size() >= 19 ? run.startedAt.substr(5, 14) : run.startedAt;
    rows.push_back({time, run.model, orDash(run.browser), orDash(run.backend), orDash(run.dtype),
                    std::to_string(run.items), millisecondsText(run.totalMs),
                    run.error.empty() ? "ok" : run.error});
  }
  return rows;
}

void printText(const std::string& file, const StatsFlags& flags, const record::History& history) {
  if (history.runs == 0) {
    std::printf("no run%s in %s\n", flags.model.empty() ? "" : (" of " + flags.model).c_str(),
                file.c_str());
  } else {
    std::printf("%s (%s) by %s, %s to %s UTC\n", plural(history.runs, "run").c_str(),
                plural(history.errors, "error").c_str(),
                plural(history.sessions, "program").c_str(), minute(history.from).c_str(),
                minute(history.to).c_str());
  }
  if (history.loads > 0) {
    std::printf("%s: %s from the pool, %s from the browsers' own caches\n",
                plural(history.loads, "load").c_str(), bytesText(history.bytesNetwork).c_str(),
                bytesText(history.bytesCache).c_str());
  }
  if (!history.groups.empty())
    std::printf("\n%s", fittedTable(groupRows(history), {4, 5, 6, 7, 8}).c_str());
  if (!history.last.empty()) std::printf("\n%s", fittedTable(lastRows(history), {0, 5, 6}).c_str());
}

/// None where it is no such number, or too large for one.
template <class Number>
std::optional<Number> numberIn(const std::string& text) {
  Number number{};
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  return stopped == end && error == std::errc() ? std::optional(number) : std::nullopt;
}

json::value cellJson(const record::Column& column, const std::optional<std::string>& cell) {
  if (!cell) return nullptr;
  if (column.type == "BOOLEAN") return *cell == "true";
  if (column.isNumber()) {
    if (const auto whole = numberIn<std::int64_t>(*cell)) return *whole;
    if (const auto whole = numberIn<std::uint64_t>(*cell)) return *whole;
    // Larger ones (HUGEINT) keep their digits, as text.
    const bool digits = cell->find_first_not_of("-0123456789") == std::string::npos;
    const auto number = numberIn<double>(*cell);
    if (number && std::isfinite(*number) && !digits) return *number;
  }
  return json::value(*cell);
}

void printAnswer(const record::Table& table, bool asJson) {
  if (asJson) {
    json::array rows;
    for (const auto& row : table.rows) {
      json::object object;
      for (std::size_t i = 0; i < row.size(); ++i) {
        object[table.columns[i].name] = cellJson(table.columns[i], row[i]);
      }
      rows.push_back(std::move(object));
    }
    std::printf("%s\n", json::serialize(rows).c_str());
    return;
  }
  Rows rows(1);
  std::set<std::size_t> whole;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    rows.front().push_back(column.name);
    const bool time = column.type.contains("TIME") || column.type.contains("DATE");
    if (column.isNumber() || time) whole.insert(i);
  }
  for (const auto& row : table.rows) {
    auto& texts = rows.emplace_back();
    for (const auto& cell : row) {
      // A table has one line a row.
      auto text = cell.value_or("-");
      std::ranges::replace(text, '\n', ' ');
      texts.push_back(std::move(text));
    }
  }
  std::printf("%s", fittedTable(std::move(rows), whole).c_str());
}

int stats(const StatsFlags& flags) {
  if (flags.sqlGiven && flags.sql.find_first_not_of(" \t\n;") == std::string::npos) {
    return reportError({ErrorCategory::InvalidArgument, "--sql was given no query",
                        "give it a SELECT; docs/record.md lists the tables"});
  }
  if (flags.dbPath.empty()) {
    return reportError({ErrorCategory::InvalidArgument, "which record is not said",
                        "give --db-path FILE, or set BENCHMARK_DB_PATH"});
  }
  if (!flags.sql.empty()) {
    const auto answer = record::ask(flags.dbPath, flags.sql);
    if (!answer) return reportError(answer.error());
    printAnswer(*answer, flags.json);
    return 0;
  }
  record::HistoryOptions options;
  options.model = flags.model;
  options.last = flags.last;
  const auto history = record::readHistory(flags.dbPath, options);
  if (!history) return reportError(history.error());
  if (flags.json) {
    printJson(flags.dbPath, *history, flags.last > 0);
  } else {
    printText(flags.dbPath, flags, *history);
  }
  return 0;
}

constexpr const char* kFooter = R"(
A record is kept by run, chat, demo and serve with --db-path. Times are of the
whole call: P50 and P95 of the calls that were answered, ITEMS/S over all of
them. --sql sees the tables and views of docs/record.md and changes nothing.

Examples:
  webpool run --model all-minilm-l6-v2 --db-path runs.duckdb "a sentence"
  webpool stats --db-path runs.duckdb
  webpool stats --db-path runs.duckdb --model all-minilm-l6-v2 --last 10
  webpool stats --db-path runs.duckdb --json
  webpool stats --db-path runs.duckdb --sql \
    "SELECT model, sum(bytes_network) FROM webpool.loads GROUP BY model")";

}  // namespace

void addStatsCommand(CLI::App& app, Context&, Action& action) {
  auto flags = std::make_shared<StatsFlags>();
  auto* command = app.add_subcommand("stats", "Show what was run, from a record");
  addDbPath(*command, flags->dbPath, "The record's file");
  auto* model = command->add_option("-m,--model", flags->model, "Only runs of this model");
  auto* last = command->add_option("--last", flags->last, "List the last N runs too")
                   ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
                   ->type_name("N");
  auto* sql = command->add_option("--sql", flags->sql, "Answer this SELECT instead")
                  ->type_name("QUERY")
                  ->excludes(model)
                  ->excludes(last);
  command->add_flag("--json", flags->json, "Print JSON");
  command->footer(kFooter);
  command->callback([flags, sql, &action] {
    flags->sqlGiven = sql->count() > 0;
    action = [flags] { return stats(*flags); };
  });
}

}  // namespace webpool::cli
