#include "record/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cstdio>
#include <utility>

namespace webpool::record {
namespace {

/// Of this process; see Database.
std::mutex& turns() {
  static std::mutex mutex;
  return mutex;
}

/// Few threads and little memory: whatever is recorded, a model wants them more. Nothing but the
/// file is touched.
constexpr std::array<std::pair<const char*, const char*>, 6> kSettings{{
    {"threads", "1"},
    {"memory_limit", "512MB"},
    {"temp_directory", ""},
    {"autoinstall_known_extensions", "false"},
    {"autoload_known_extensions", "false"},
    {"enable_external_access", "false"},
}};

class ConfigHolder {
 public:
  explicit ConfigHolder(const duckdb::Library& library) : library_(library) {
    library_.create_config(&config_);
  }
  ~ConfigHolder() { library_.destroy_config(&config_); }
  ConfigHolder(const ConfigHolder&) = delete;
  ConfigHolder& operator=(const ConfigHolder&) = delete;
  bool set(const char* name, const char* value) {
    return library_.set_config(config_, name, value) == duckdb::Success;
  }
  duckdb::Config get() const { return config_; }

 private:
  const duckdb::Library& library_;
  duckdb::Config config_ = nullptr;
};

class ResultHolder {
 public:
  explicit ResultHolder(const duckdb::Library& library) : library_(library) {}
  ~ResultHolder() { library_.destroy_result(&result); }
  ResultHolder(const ResultHolder&) = delete;
  ResultHolder& operator=(const ResultHolder&) = delete;
  duckdb::QueryResult result{};

 private:
  const duckdb::Library& library_;
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool containsAny(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(parts, [&](auto part) { return contains(text, part); });
}

std::string firstLine(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

/// One statement that can be put in brackets.
std::string_view withoutEnd(std::string_view sql) {
  while (!sql.empty() &&
         (sql.back() == ';' || std::isspace(static_cast<unsigned char>(sql.back()))))
    sql.remove_suffix(1);
  return sql;
}

/// Bytes of the UTF-8 character that `text` begins with; 0 where it begins with none.
std::size_t characterAt(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  // Overlong forms, surrogates and what is beyond the last character.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

/// DuckDB takes nothing else, and an error's words may be anything: '?' stands for what is none.
std::string validUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const auto length = characterAt(text);
    if (length == 0) {
      valid += '?';
    } else {
      valid += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return valid;
}

std::optional<std::string> cell(const duckdb::Library& library, duckdb::Vector vector,
                                std::uint64_t row) {
  const auto* validity = library.vector_get_validity(vector);
  if (validity != nullptr && ((validity[row / 64] >> (row % 64)) & 1) == 0) return std::nullopt;
  const auto& text = static_cast<const duckdb::StringCell*>(library.vector_get_data(vector))[row];
  const auto* begin = text.length <= 12 ? text.prefix : text.rest;
  return std::string(begin, text.length);
}

}  // namespace

bool Column::isNumber() const {
  return containsAny(type, {"INT", "DOUBLE", "FLOAT", "DECIMAL"}) && !contains(type, "INTERVAL") &&
         !containsAny(type, {"[", "(STRUCT", "STRUCT(", "MAP("});
}

std::string sqlText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

Error databaseError(const std::filesystem::path& file, std::string_view message) {
  const auto name = file.native();
  const auto why = firstLine(message);
  if (contains(message, "Could not set lock on file")) {
    // "… is held in /usr/bin/x (PID 123)."
    const auto holder = message.find("held in ");
    const auto end = holder == std::string_view::npos ? holder : message.find(')', holder);
    const auto who = end == std::string_view::npos
                         ? std::string("another process")
                         : std::string(message.substr(holder + 8, end + 1 - holder - 8));
    return {ErrorCategory::Busy, fmt::format("{} is held by {}", name, who),
            "end that program, or give another file"};
  }
  if (containsAny(message, {"No space left", "File too large", "Disk quota", "not enough space",
                            "Out of disk"})) {
    return {ErrorCategory::NoSpace, fmt::format("no space for {}: {}", name, why),
            "free space where the file is"};
  }
  if (containsAny(message, {"Permission denied", "Read-only file system", "Is a directory"})) {
    return {ErrorCategory::Storage, fmt::format("{} can't be used: {}", name, why),
            "give a file in a folder that can be written"};
  }
  if (containsAny(message, {"No such file or directory", "does not exist"}) &&
      contains(message, "Cannot open")) {
    return {ErrorCategory::NotFound, fmt::format("{} can't be opened: {}", name, why),
            "make its folder first, or give another file"};
  }
  if (contains(message, "version number")) {
    return {ErrorCategory::Unsupported,
            fmt::format("{} was written by another version of DuckDB: {}", name, why),
            "give another file, or open it with that version"};
  }
  if (containsAny(message, {"not a valid DuckDB", "Corrupt", "corrupt", "checksum", "Checksum",
                            "Serialization Error", "INTERNAL Error", "magic", "WAL file",
                            "could not read enough bytes", "Could not read enough bytes"})) {
    return {ErrorCategory::Integrity,
            fmt::format("{} is damaged, or no DuckDB file: {}", name, why),
            "it is left as it is: move it away, or give another file"};
  }
  return {ErrorCategory::Storage, fmt::format("{}: {}", name, why), ""};
}

Database::Database(std::shared_ptr<const duckdb::Library> library, std::filesystem::path file,
                   std::unique_lock<std::mutex> turn)
    : library_(std::move(library)), file_(std::move(file)), turn_(std::move(turn)) {}

Database::~Database() {
  if (connection_ != nullptr) library_->disconnect(&connection_);
  if (database_ != nullptr) library_->close(&database_);
}

Result<std::unique_ptr<Database>> Database::open(std::shared_ptr<const duckdb::Library> library,
                                                 const std::filesystem::path& file, Access access) {
  if (access == Access::Write) makeWhole(library, file);
  return openIt(std::move(library), file, access);
}

void Database::makeWhole(const std::shared_ptr<const duckdb::Library>& library,
                         const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::exists(file, error) || error) return;
  static std::atomic<unsigned> number{0};
  const std::filesystem::path fresh =
      fmt::format("{}.new-{}-{}", file.native(), getpid(), ++number);
  // What goes wrong here, open() meets as well and tells.
  if (openIt(library, fresh, Access::Write)) {
    if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) != 0) {
      (void)!link(fresh.c_str(), file.c_str());  // where the file system can't do the other
    }
  }
  std::filesystem::remove(fresh, error);
  std::filesystem::remove(fresh.native() + ".wal", error);
}

Result<std::unique_ptr<Database>> Database::openIt(std::shared_ptr<const duckdb::Library> library,
                                                   const std::filesystem::path& file,
                                                   Access access) {
  std::error_code ignored;
  const auto status = std::filesystem::status(file, ignored);
  // DuckDB would wait for ever for the other end of a pipe.
  if (std::filesystem::is_other(status)) {
    return fail(ErrorCategory::Storage,
                fmt::format("{} is no file: a pipe, a socket or a device", file.native()),
                "give another file");
  }
  // Relative, ":memory:" and "NAME:PATH" mean other things to DuckDB than a file.
  const auto path = std::filesystem::absolute(file, ignored);
  std::unique_ptr<Database> opened(
      new Database(std::move(library), file, std::unique_lock(turns())));
  const auto& api = *opened->library_;
  ConfigHolder config(api);
  for (const auto& [name, value] : kSettings) {
    if (!config.set(name, value)) {
      return fail(ErrorCategory::Unsupported,
                  fmt::format("DuckDB {} has no setting {}", api.library_version(), name));
    }
  }
  config.set("access_mode", access == Access::Read ? "READ_ONLY" : "READ_WRITE");
  char* message = nullptr;
  const auto state = api.open_ext(path.c_str(), &opened->database_, config.get(), &message);
  if (state != duckdb::Success) {
    auto error = databaseError(file, message == nullptr ? "no reason given" : message);
    api.free(message);
    opened->database_ = nullptr;
    return std::unexpected(std::move(error));
  }
  if (api.connect(opened->database_, &opened->connection_) != duckdb::Success) {
    return fail(ErrorCategory::Storage, fmt::format("{}: no connection", file.native()));
  }
  return opened;
}

Result<void> Database::execute(const std::string& sql) {
  ResultHolder holder(*library_);
  if (library_->query(connection_, sql.c_str(), &holder.result) == duckdb::Success) return {};
  const char* why = library_->result_error(&holder.result);
  return std::unexpected(databaseError(file_, why == nullptr ? "no reason given" : why));
}

/// Every column of the statement is of texts.
Result<Table> Database::textsOf(const std::string& sql) {
  ResultHolder holder(*library_);
  if (library_->query(connection_, sql.c_str(), &holder.result) != duckdb::Success) {
    const char* why = library_->result_error(&holder.result);
    return std::unexpected(databaseError(file_, why == nullptr ? "no reason given" : why));
  }
  Table table;
  const auto columns = library_->column_count(&holder.result);
  for (duckdb::Count i = 0; i < columns; ++i) {
    table.columns.push_back({library_->column_name(&holder.result, i), "VARCHAR"});
  }
  while (auto chunk = library_->fetch_chunk(holder.result)) {
    const auto rows = library_->data_chunk_get_size(chunk);
    const auto first = table.rows.size();
    table.rows.resize(first + rows);
    for (duckdb::Count column = 0; column < columns; ++column) {
      const auto vector = library_->data_chunk_get_vector(chunk, column);
      for (duckdb::Count row = 0; row < rows; ++row) {
        table.rows[first + row].push_back(cell(*library_, vector, row));
      }
    }
    library_->destroy_data_chunk(&chunk);
  }
  return table;
}

Result<Table> Database::query(std::string_view sql) {
  // On lines of their own, for the sake of a comment at the end.
  const auto statement = fmt::format("(\n{}\n)", withoutEnd(sql));
  const auto described = textsOf(
      fmt::format("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {})", statement));
  if (!described) return std::unexpected(described.error());
  auto table = textsOf(fmt::format("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {}", statement));
  if (!table) return table;
  for (std::size_t i = 0; i < table->columns.size() && i < described->rows.size(); ++i) {
    table->columns[i] = {described->rows[i][0].value_or(""), described->rows[i][1].value_or("")};
  }
  return table;
}

Result<std::optional<std::string>> Database::value(std::string_view sql) {
  auto table = query(sql);
  if (!table) return std::unexpected(table.error());
  if (table->rows.empty() || table->rows.front().empty()) return std::nullopt;
  return std::move(table->rows.front().front());
}

TableAppender::TableAppender(Database& database, const std::string& table)
    : library_(*database.library_), file_(database.file_) {
  check(library_.appender_create(database.connection_, "webpool", table.c_str(), &appender_));
}

TableAppender::~TableAppender() {
  if (appender_ != nullptr) library_.appender_destroy(&appender_);
}

TableAppender& TableAppender::check(duckdb::State state) {
  if (state == duckdb::Success || error_) return *this;
  const char* why = appender_ == nullptr ? nullptr : library_.appender_error(appender_);
  error_ = databaseError(file_, why == nullptr ? "rows can't be added" : why);
  return *this;
}

TableAppender& TableAppender::text(std::string_view value) {
  if (error_) return *this;
  const auto valid = validUtf8(value);
  return check(library_.append_varchar_length(appender_, valid.data(), valid.size()));
}

TableAppender& TableAppender::textOrNull(std::string_view value) {
  return value.empty() ? null() : text(value);
}

TableAppender& TableAppender::integer(std::uint64_t value) {
  if (error_) return *this;
  return check(library_.append_int64(appender_, static_cast<std::int64_t>(value)));
}

TableAppender& TableAppender::real(double value) {
  if (error_) return *this;
  return check(library_.append_double(appender_, value));
}

TableAppender& TableAppender::flag(bool value) {
  if (error_) return *this;
  return check(library_.append_bool(appender_, value));
}

TableAppender& TableAppender::time(WallTime value) {
  if (error_) return *this;
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(value.time_since_epoch()).count();
  return check(library_.append_timestamp(appender_, {micros}));
}

TableAppender& TableAppender::null() {
  if (error_) return *this;
  return check(library_.append_null(appender_));
}

void TableAppender::endRow() {
  if (!error_) check(library_.appender_end_row(appender_));
}

Result<void> TableAppender::finish() {
  if (!error_) check(library_.appender_close(appender_));
  if (error_) return std::unexpected(*error_);
  return {};
}

}  // namespace webpool::record
