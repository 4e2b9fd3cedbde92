// The half of Index that knows packed blocks, and what unfinished sessions hold.
#include "store/index.h"

namespace webpool::store {
namespace {

std::string key(const cid::Cid& cid) {
  return cid.normalized().bytes();
}

PackedRow readPacked(const Statement& row) {
  return {row.integer(0), static_cast<std::uint64_t>(row.integer(1)),
          static_cast<std::uint64_t>(row.integer(2))};
}

}  // namespace

Result<std::vector<std::string>> Index::texts(Statement statement) {
  std::vector<std::string> values;
  while (true) {
    auto more = statement.step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return values;
    values.push_back(statement.text(0));
  }
}

Result<bool> Index::holds(const cid::Cid& cid) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare(
      "SELECT EXISTS (SELECT 1 FROM node WHERE cid = ?1) OR EXISTS (SELECT 1 FROM region WHERE "
      "cid = ?1) OR EXISTS (SELECT 1 FROM packed WHERE cid = ?1)");
  if (!statement) return std::unexpected(statement.error());
  statement->bindBlob(1, key(cid));
  if (auto row = statement->step(); !row) return std::unexpected(row.error());
  return statement->integer(0) != 0;
}

Result<std::optional<PackedRow>> Index::packed(const cid::Cid& cid) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT pack, offset, length FROM packed WHERE cid = ?");
  if (!statement) return std::unexpected(statement.error());
  statement->bindBlob(1, key(cid));
  auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<PackedRow>();
  return std::optional(readPacked(*statement));
}

Result<std::vector<PackRow>> Index::packs() {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT id, size FROM pack ORDER BY id");
  if (!statement) return std::unexpected(statement.error());
  std::vector<PackRow> rows;
  while (true) {
    auto more = statement->step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return rows;
    rows.push_back({statement->integer(0), static_cast<std::uint64_t>(statement->integer(1))});
  }
}

Result<std::optional<PackRow>> Index::pack(std::int64_t id) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT size FROM pack WHERE id = ?");
  if (!statement) return std::unexpected(statement.error());
  statement->bind(1, id);
  auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<PackRow>();
  return std::optional(PackRow{id, static_cast<std::uint64_t>(statement->integer(0))});
}

Result<std::vector<std::string>> Index::packedCids(std::optional<std::int64_t> pack) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT cid FROM packed WHERE ?1 = 0 OR pack = ?1");
  if (!statement) return std::unexpected(statement.error());
  statement->bind(1, pack.value_or(0));
  return texts(std::move(*statement));
}

Result<std::int64_t> Index::addPack() {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("INSERT INTO pack (size) VALUES (0)");
  if (!statement) return std::unexpected(statement.error());
  if (auto inserted = statement->run(); !inserted) return std::unexpected(inserted.error());
  return database_->lastRowId();
}

Result<void> Index::setPackSize(std::int64_t pack, std::uint64_t size) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("UPDATE pack SET size = ? WHERE id = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, static_cast<std::int64_t>(size)).bind(2, pack).run();
}

Result<void> Index::removePack(std::int64_t pack) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("DELETE FROM pack WHERE id = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, pack).run();
}

Result<void> Index::putPacked(const cid::Cid& cid, const PackedRow& row) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare(
      "INSERT OR REPLACE INTO packed (cid, pack, offset, length) VALUES (?, ?, ?, ?)");
  if (!statement) return std::unexpected(statement.error());
  return statement->bindBlob(1, key(cid))
      .bind(2, row.pack)
      .bind(3, static_cast<std::int64_t>(row.offset))
      .bind(4, static_cast<std::int64_t>(row.length))
      .run();
}

Result<void> Index::movePacked(std::string_view cidBytes, std::int64_t from, const PackedRow& to) {
  const std::scoped_lock lock(mutex_);
  auto statement =
      database_->prepare("UPDATE packed SET pack = ?, offset = ? WHERE cid = ? AND pack = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, to.pack)
      .bind(2, static_cast<std::int64_t>(to.offset))
      .bindBlob(3, cidBytes)
      .bind(4, from)
      .run();
}

Result<void> Index::removePacked(std::string_view cidBytes) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("DELETE FROM packed WHERE cid = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bindBlob(1, cidBytes).run();
}

Result<void> Index::removePacked(const cid::Cid& cid, const PackedRow& place) {
  const std::scoped_lock lock(mutex_);
  auto statement =
      database_->prepare("DELETE FROM packed WHERE cid = ? AND pack = ? AND offset = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bindBlob(1, key(cid))
      .bind(2, place.pack)
      .bind(3, static_cast<std::int64_t>(place.offset))
      .run();
}

Result<bool> Index::hasPacked() {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT EXISTS (SELECT 1 FROM packed)");
  if (!statement) return std::unexpected(statement.error());
  if (auto row = statement->step(); !row) return std::unexpected(row.error());
  return statement->integer(0) != 0;
}

Result<std::vector<std::string>> Index::packedInFile(const cid::Cid& root) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare(
      "SELECT packed.cid FROM file JOIN region ON region.file = file.id "
      "JOIN packed ON packed.cid = region.cid WHERE file.root = ?");
  if (!statement) return std::unexpected(statement.error());
  statement->bindBlob(1, key(root));
  return texts(std::move(*statement));
}

Result<std::uint64_t> Index::packedBytes(std::int64_t pack) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT COALESCE(SUM(length), 0) FROM packed WHERE pack = ?");
  if (!statement) return std::unexpected(statement.error());
  statement->bind(1, pack);
  if (auto row = statement->step(); !row) return std::unexpected(row.error());
  return static_cast<std::uint64_t>(statement->integer(0));
}

Result<void> Index::addLease(std::string_view holder, const cid::Cid& cid) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("INSERT OR IGNORE INTO lease (holder, cid) VALUES (?, ?)");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, holder).bindBlob(2, key(cid)).run();
}

Result<void> Index::removeLeases(std::string_view holder) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("DELETE FROM lease WHERE holder = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, holder).run();
}

Result<std::vector<std::string>> Index::leaseHolders() {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT DISTINCT holder FROM lease");
  if (!statement) return std::unexpected(statement.error());
  return texts(std::move(*statement));
}

Result<std::vector<std::string>> Index::leasedCids(std::string_view holder) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT cid FROM lease WHERE holder = ?");
  if (!statement) return std::unexpected(statement.error());
  statement->bind(1, holder);
  return texts(std::move(*statement));
}

}  // namespace webpool::store
