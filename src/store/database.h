// SQLite with Results and destructors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "webpool/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace webpool::store {

class Database;

/// A prepared statement; lives no longer than its database.
class Statement {
 public:
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bindBlob(int index, std::string_view bytes);

  /// True: a row is there; false: done.
  Result<bool> step();
  /// For statements without rows; afterwards it can be bound and run again.
  Result<void> run();
  void reset();

  std::int64_t integer(int column) const;
  std::string text(int column) const;  ///< also for blobs

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}

  Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

/// One connection: WAL, durable commits, foreign keys, a busy timeout. Not thread-safe.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path);

  Result<Statement> prepare(std::string_view sql);
  Result<void> execute(const std::string& sql);
  std::int64_t lastRowId() const;

  /// The error of the last failed call: SQLITE_FULL is NoSpace, SQLITE_BUSY Busy.
  Error error(std::string_view what) const;

 private:
  struct Closer {
    void operator()(sqlite3* connection) const;
  };
  Database(std::filesystem::path path, sqlite3* connection)
      : path_(std::move(path)), connection_(connection) {}

  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Closer> connection_;
};

/// A write transaction from begin to commit; rolled back when destroyed before.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace webpool::store
