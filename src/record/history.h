// What a record's file tells: for `webpool stats`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "record/database.h"

namespace webpool::record {

/// Runs of one model in one browser on one backend with one dtype. Of calls that failed before a
/// browser was asked, browser and backend are empty.
struct RunGroup {
  std::string model;
  std::string browser;
  std::string backend;
  std::string dtype;
  std::uint64_t runs = 0;
  std::uint64_t errors = 0;
  // Of those that were answered; nullopt where none was.
  std::optional<double> p50Ms;
  std::optional<double> p95Ms;
  std::optional<double> itemsPerSecond;
};

struct PastRun {
  std::string startedAt;  ///< "2026-11-27 11:02:33.123456", UTC
  std::string model;
  std::string browser;
  std::string backend;
  std::string dtype;
  std::uint64_t items = 0;
  double totalMs = 0;
  std::string error;  ///< category; empty: none
};

struct History {
  int schema = 0;
  std::uint64_t sessions = 0;
  std::uint64_t runs = 0;
  std::uint64_t errors = 0;
  std::string from;  ///< of the first run, as PastRun::startedAt; empty where there is none
  std::string to;    ///< of the last one
  std::uint64_t loads = 0;
  std::uint64_t bytesNetwork = 0;
  std::uint64_t bytesCache = 0;
  std::vector<RunGroup> groups;  ///< the one with most runs first
  std::vector<PastRun> last;     ///< the latest first
};

struct HistoryOptions {
  std::string model;                          ///< only of this one; empty: of all
  std::uint64_t last = 0;                     ///< so many runs in PastRun
  std::chrono::milliseconds patience{3'000};  ///< for another process that holds the file
};

/// Errors: NotFound (no file, or no record in it), Busy, Integrity, Unsupported (a newer schema; no
/// DuckDB). Brings a file of an older webpool up to date.
Result<History> readHistory(const std::filesystem::path& file, const HistoryOptions& options);

/// The answer to a SELECT on the file. Nothing in it is changed.
Result<Table> ask(const std::filesystem::path& file, const std::string& sql,
                  std::chrono::milliseconds patience = std::chrono::milliseconds(3'000));

}  // namespace webpool::record
