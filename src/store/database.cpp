#include "store/database.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/file.h"

namespace webpool::store {
namespace {
constexpr int kBusyTimeoutMs = 30'000;

// In KiB. A commit of very many files would else write its pages out and read them again.
constexpr auto kCache = "PRAGMA cache_size = -32768";

/// Held while a database is opened: SQLite does not wait for another process that turns the same
/// new file into one with a write-ahead log. Nothing is held where the file system has no locks.
base::FileDescriptor lockForOpening(const std::filesystem::path& path) {
  auto folder = base::openFile(path.parent_path(), O_RDONLY | O_DIRECTORY);
  if (!folder) return {};
  while (::flock(folder->get(), LOCK_EX) != 0 && errno == EINTR) {
  }
  return std::move(*folder);
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}
void Database::Closer::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

Statement& Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), index, text.data() ? text.data() : "", text.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bindBlob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), index, bytes.data() ? bytes.data() : "", bytes.size(),
                      SQLITE_TRANSIENT);
  return *this;
}

Result<bool> Statement::step() {
  const int outcome = sqlite3_step(statement_.get());
  if (outcome == SQLITE_ROW) return true;
  if (outcome == SQLITE_DONE) return false;
  auto error = database_->error("can't use");
  sqlite3_reset(statement_.get());
  return std::unexpected(std::move(error));
}

Result<void> Statement::run() {
  auto row = step();
  if (!row) return std::unexpected(row.error());
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = sqlite3_column_bytes(statement_.get(), column);
  return data ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path) {
  const auto alone = lockForOpening(path);
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int outcome = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  std::unique_ptr<Database> database(new Database(path, connection));
  if (outcome != SQLITE_OK) return std::unexpected(database->error("can't open"));
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  for (const auto* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
                             "PRAGMA foreign_keys = ON", kCache}) {
    if (auto set = database->execute(pragma); !set) return std::unexpected(set.error());
  }
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()), &statement,
                         nullptr) != SQLITE_OK) {
    return std::unexpected(error("can't use"));
  }
  return Statement(*this, statement);
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return std::unexpected(error("can't use"));
  }
  return {};
}

std::int64_t Database::lastRowId() const {
  return sqlite3_last_insert_rowid(connection_.get());
}

Error Database::error(std::string_view what) const {
  const int code = connection_ ? sqlite3_errcode(connection_.get()) : SQLITE_NOMEM;
  const int systemCode = connection_ ? sqlite3_system_errno(connection_.get()) : 0;
  const auto cause = connection_ ? sqlite3_errmsg(connection_.get()) : "out of memory";
  auto message = fmt::format("{} the store's index {}: {}", what, path_.native(), cause);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {ErrorCategory::NoSpace, std::move(message),
              "free space on that disk; nothing already stored is lost"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCategory::Busy, std::move(message), "another process is writing; try again"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCategory::Storage, std::move(message),
              "move the store's folder away and import the models again"};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (systemCode == ENOSPC || systemCode == EDQUOT || systemCode == EFBIG) {
        return {ErrorCategory::NoSpace, std::move(message),
                "free space on that disk; nothing already stored is lost"};
      }
      if (systemCode != 0) message += fmt::format(" ({})", std::strerror(systemCode));
      return {ErrorCategory::Storage, std::move(message), "check the permissions of that folder"};
    case SQLITE_READONLY:
      return {ErrorCategory::Storage, std::move(message), "check the permissions of that folder"};
    default:
      return {ErrorCategory::Storage, std::move(message), ""};
  }
}

Result<Transaction> Transaction::begin(Database& database) {
  if (auto begun = database.execute("BEGIN IMMEDIATE"); !begun) {
    return std::unexpected(begun.error());
  }
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_) (void)database_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  if (auto committed = database_->execute("COMMIT"); !committed) return committed;
  database_ = nullptr;
  return {};
}

}  // namespace webpool::store
