// Rows as the tables have them (schema.cpp), in the order of their columns.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "record/database.h"
#include "webpool/record.h"

namespace webpool::record {

using Row = std::variant<RecordedRun, RecordedLoad, RecordedConnection>;

struct NumberedRow {
  std::uint64_t number = 0;  ///< run_id of a run
  Row row;
};

/// The process that records.
struct Session {
  std::string id;
  WallTime startedAt{};
  std::uint64_t pid = 0;
  std::string system{};  ///< a JSON object
  std::uint64_t cores = 0;
  std::optional<std::uint64_t> memory{};  ///< bytes of the machine
};

/// Of this process, with a new id.
Session thisSession();

Result<void> append(Database& database, const Session& session);

Result<void> append(Database& database, const Session& session, std::span<const NumberedRow> rows);

}  // namespace webpool::record
