#include "store/index.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace webpool::store {
namespace {

constexpr std::int64_t kSchemaVersion = 3;

constexpr auto kSchema = R"sql(
CREATE TABLE IF NOT EXISTS file (
  id INTEGER PRIMARY KEY,
  sha256 BLOB NOT NULL UNIQUE,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  root BLOB NOT NULL UNIQUE,
  dag_size INTEGER NOT NULL,
  leaves BLOB NOT NULL,
  linked_ctime_ns INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS region (
  cid BLOB NOT NULL,
  file INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,
  offset INTEGER NOT NULL,
  length INTEGER NOT NULL,
  PRIMARY KEY (cid, file)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS region_of_file ON region (file);
CREATE TABLE IF NOT EXISTS node (cid BLOB PRIMARY KEY, block BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pin (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  variant TEXT NOT NULL,
  cid BLOB NOT NULL,
  added INTEGER NOT NULL,
  origin TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (kind, name, variant)) WITHOUT ROWID;
)sql";

constexpr auto kFromVersion1 = "ALTER TABLE pin ADD COLUMN origin TEXT NOT NULL DEFAULT '';";

constexpr auto kFromVersion2 =
    "ALTER TABLE file ADD COLUMN linked_ctime_ns INTEGER NOT NULL DEFAULT 0;";

constexpr auto kPackSchema = R"sql(
CREATE TABLE IF NOT EXISTS pack (id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS packed (
  cid BLOB PRIMARY KEY,
  pack INTEGER NOT NULL REFERENCES pack ON DELETE CASCADE,
  offset INTEGER NOT NULL,
  length INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS packed_of_pack ON packed (pack);
CREATE TABLE IF NOT EXISTS lease (
  holder TEXT NOT NULL, cid BLOB NOT NULL, PRIMARY KEY (holder, cid)) WITHOUT ROWID;
PRAGMA user_version = 3;
)sql";

constexpr std::string_view kFileColumns =
    "file.id, sha256, size, mtime_ns, root, dag_size, linked_ctime_ns";

std::string migrationFrom(std::int64_t version) {
  std::string sql;
  if (version == 0) sql += kSchema;
  if (version == 1) sql += kFromVersion1;
  if (version == 1 || version == 2) sql += kFromVersion2;
  return sql + kPackSchema;
}

std::string key(const cid::Cid& cid) {
  return cid.normalized().bytes();
}

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::unexpected<Error> damagedIndex(std::string_view what) {
  return fail(ErrorCategory::Storage, fmt::format("the store's index holds {}", what),
              "move the store's folder away and import the models again");
}

Result<cid::Cid> cidColumn(const Statement& row, int column) {
  const auto bytes = row.text(column);
  auto cid = cid::Cid::fromBytes(asBytes(bytes));
  if (!cid) return damagedIndex("a CID that is none");
  return cid;
}

Result<cid::Digest> digestColumn(const Statement& row, int column) {
  const auto bytes = row.text(column);
  cid::Digest digest;
  if (bytes.size() != digest.size()) return damagedIndex("a digest of the wrong length");
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

/// kFileColumns from column 0 on.
Result<FileRow> readFile(const Statement& row) {
  FileRow file;
  file.id = row.integer(0);
  auto sha256 = digestColumn(row, 1);
  if (!sha256) return std::unexpected(sha256.error());
  file.sha256 = *sha256;
  file.stamp = {static_cast<std::uint64_t>(row.integer(2)), row.integer(3), row.integer(6)};
  auto root = cidColumn(row, 4);
  if (!root) return std::unexpected(root.error());
  file.root = std::move(*root);
  file.dagSize = static_cast<std::uint64_t>(row.integer(5));
  return file;
}

Result<std::vector<cid::Digest>> splitLeaves(const std::string& bytes, std::uint64_t fileSize) {
  constexpr auto kSize = std::tuple_size_v<cid::Digest>;
  if (bytes.size() != cid::leafCount(fileSize) * kSize) {
    return damagedIndex("a list of leaves of the wrong length");
  }
  std::vector<cid::Digest> leaves(bytes.size() / kSize);
  std::memcpy(leaves.data(), bytes.data(), bytes.size());
  return leaves;
}

}  // namespace

Result<std::unique_ptr<Index>> Index::open(const std::filesystem::path& path) {
  auto database = Database::open(path);
  if (!database) return std::unexpected(database.error());
  std::unique_ptr<Index> index(new Index(std::move(*database)));
  const auto readVersion = [&]() -> Result<std::int64_t> {
    auto statement = index->database_->prepare("PRAGMA user_version");
    if (!statement) return std::unexpected(statement.error());
    if (auto row = statement->step(); !row) return std::unexpected(row.error());
    return statement->integer(0);
  };
  auto version = readVersion();
  if (!version) return std::unexpected(version.error());
  if (*version >= 0 && *version < kSchemaVersion) {
    auto created = index->write([&]() -> Result<void> {
      const auto now = readVersion();  // another process may have been first
      if (!now) return std::unexpected(now.error());
      if (*now >= kSchemaVersion) return {};
      return index->database_->execute(migrationFrom(*now));
    });
    if (!created) return std::unexpected(created.error());
    version = readVersion();
    if (!version) return std::unexpected(version.error());
  }
  if (*version != kSchemaVersion) {
    return fail(ErrorCategory::Storage,
                fmt::format("the store's index {} has version {}; this webpool reads version {}",
                            path.native(), *version, kSchemaVersion),
                "use a newer webpool, or another data folder");
  }
  return index;
}

Result<std::vector<RegionRow>> Index::regions(const cid::Cid& cid) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare(fmt::format(
      "SELECT {}, offset, length FROM region JOIN file ON file.id = region.file WHERE cid = ?",
      kFileColumns));
  if (!statement) return std::unexpected(statement.error());
  statement->bindBlob(1, key(cid));
  std::vector<RegionRow> rows;
  while (true) {
    auto more = statement->step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return rows;
    auto file = readFile(*statement);
    if (!file) return std::unexpected(file.error());
    rows.push_back({std::move(*file), static_cast<std::uint64_t>(statement->integer(7)),
                    static_cast<std::uint64_t>(statement->integer(8))});
  }
}

Result<std::optional<FileRow>> Index::oneFile(Statement statement) {
  auto row = statement.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<FileRow>();
  auto file = readFile(statement);
  if (!file) return std::unexpected(file.error());
  auto leaves = splitLeaves(statement.text(7), file->stamp.size);
  if (!leaves) return std::unexpected(leaves.error());
  file->leaves = std::move(*leaves);
  return std::optional(std::move(*file));
}

Result<std::optional<FileRow>> Index::fileByRoot(const cid::Cid& root) {
  const std::scoped_lock lock(mutex_);
  auto statement =
      database_->prepare(fmt::format("SELECT {}, leaves FROM file WHERE root = ?", kFileColumns));
  if (!statement) return std::unexpected(statement.error());
  statement->bindBlob(1, key(root));
  return oneFile(std::move(*statement));
}

Result<std::optional<FileRow>> Index::fileBySha256(const cid::Digest& sha256) {
  const std::scoped_lock lock(mutex_);
  auto statement =
      database_->prepare(fmt::format("SELECT {}, leaves FROM file WHERE sha256 = ?", kFileColumns));
  if (!statement) return std::unexpected(statement.error());
  statement->bindBlob(1, asText(sha256));
  return oneFile(std::move(*statement));
}

Result<std::optional<std::string>> Index::node(const cid::Cid& cid) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT block FROM node WHERE cid = ?");
  if (!statement) return std::unexpected(statement.error());
  statement->bindBlob(1, key(cid));
  auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<std::string>();
  return std::optional(statement->text(0));
}

Result<std::vector<Pin>> Index::pins(std::string_view kind) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare(
      "SELECT kind, name, variant, cid, added, origin FROM pin WHERE ?1 = '' OR kind = ?1 "
      "ORDER BY kind, name, variant");
  if (!statement) return std::unexpected(statement.error());
  statement->bind(1, kind);
  std::vector<Pin> pins;
  while (true) {
    auto more = statement->step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return pins;
    auto cid = cidColumn(*statement, 3);
    if (!cid) return std::unexpected(cid.error());
    pins.push_back({statement->text(0), statement->text(1), statement->text(2), std::move(*cid),
                    statement->integer(4), statement->text(5)});
  }
}

Result<std::vector<FileRow>> Index::files() {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare(fmt::format("SELECT {} FROM file", kFileColumns));
  if (!statement) return std::unexpected(statement.error());
  std::vector<FileRow> files;
  while (true) {
    auto more = statement->step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return files;
    auto file = readFile(*statement);
    if (!file) return std::unexpected(file.error());
    files.push_back(std::move(*file));
  }
}

Result<void> Index::bury() {
  const std::scoped_lock lock(mutex_);
  // The header's page is written although nothing in it changes.
  return database_->execute(fmt::format("PRAGMA user_version = {}", kSchemaVersion));
}

}  // namespace webpool::store
