// The tables and views of the record, and how a file of an older webpool gets today's
// (docs/record.md).
#pragma once

#include <string>
#include <vector>

#include "record/database.h"

namespace webpool::record {

/// Of the newest schema.
int newestVersion();

/// 0: the file holds no record.
Result<int> versionOf(Database& database);

/// Brings the file to that version, each step in a transaction of its own; what a file has that is
/// no record's stays as it is. Unsupported for a file of a newer webpool.
Result<void> migrate(Database& database, int to = newestVersion());

/// Views that stay unmade because the file has something else of that name.
Result<std::vector<std::string>> viewsInTheWay(Database& database);

}  // namespace webpool::record
