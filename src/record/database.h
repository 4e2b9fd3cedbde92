// A DuckDB file, open for as long as it is used and no longer: other programs can't open it
// meanwhile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "record/duckdb.h"
#include "webpool/error.h"
#include "webpool/record.h"

namespace webpool::record {

struct Column {
  std::string name;
  std::string type;  ///< as DuckDB writes it: "VARCHAR", "BIGINT", "DECIMAL(4,2)"
  /// To be written without quotes in JSON.
  bool isNumber() const;
};

/// What a query gave, every cell as the text that DuckDB makes of it; nullopt is NULL.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

enum class Access { Read, Write };

/// To be used and destroyed on the thread that opened it. Only one is open in a process at a time,
/// and open() waits for its turn: DuckDB's file lock keeps other processes out, and this one not.
class Database {
 public:
  /// Write makes the file where it is not there. Errors: Busy (another process has it), Integrity
  /// (no DuckDB file, or damaged), NoSpace, NotFound, Storage.
  static Result<std::unique_ptr<Database>> open(std::shared_ptr<const duckdb::Library> library,
                                                const std::filesystem::path& file, Access access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<void> execute(const std::string& sql);
  /// One SELECT (or another statement that can stand in its FROM, such as DESCRIBE).
  Result<Table> query(std::string_view sql);
  /// The one cell of the one row; nullopt where there is none, or NULL.
  Result<std::optional<std::string>> value(std::string_view sql);

 private:
  static Result<std::unique_ptr<Database>> openIt(std::shared_ptr<const duckdb::Library> library,
                                                  const std::filesystem::path& file, Access access);
  /// Puts an empty database where no file is, whole or not at all. DuckDB makes a file and takes
  /// its lock one after the other, and who comes between finds a file without a header, for ever.
  static void makeWhole(const std::shared_ptr<const duckdb::Library>& library,
                        const std::filesystem::path& file);
  friend class TableAppender;
  Database(std::shared_ptr<const duckdb::Library> library, std::filesystem::path file,
           std::unique_lock<std::mutex> turn);
  Result<Table> textsOf(const std::string& sql);

  std::shared_ptr<const duckdb::Library> library_;
  std::filesystem::path file_;
  std::unique_lock<std::mutex> turn_;
  duckdb::Database database_ = nullptr;
  duckdb::Connection connection_ = nullptr;
};

/// Appends rows to a table of the schema "webpool", cell by cell in the order of its columns. The
/// first error stays and is told by finish().
class TableAppender {
 public:
  TableAppender(Database& database, const std::string& table);
  ~TableAppender();
  TableAppender(const TableAppender&) = delete;
  TableAppender& operator=(const TableAppender&) = delete;

  TableAppender& text(std::string_view value);
  TableAppender& textOrNull(std::string_view value);  ///< NULL for an empty one
  TableAppender& integer(std::uint64_t value);
  TableAppender& real(double value);
  TableAppender& flag(bool value);
  TableAppender& time(WallTime value);
  TableAppender& null();
  TableAppender& integer(const std::optional<std::uint64_t>& value) {
    return value ? integer(*value) : null();
  }
  void endRow();
  Result<void> finish();

 private:
  TableAppender& check(duckdb::State state);

  const duckdb::Library& library_;
  const std::filesystem::path& file_;
  duckdb::Appender appender_ = nullptr;
  std::optional<Error> error_;
};

/// 'text' as SQL writes it.
std::string sqlText(std::string_view text);

/// Of DuckDB's own words, which is all that it tells.
Error databaseError(const std::filesystem::path& file, std::string_view message);

}  // namespace webpool::record
