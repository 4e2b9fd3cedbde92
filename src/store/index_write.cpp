// The writing half of Index.

#include <algorithm>

#include "store/index.h"

namespace webpool::store {
namespace {

std::string key(const cid::Cid& cid) {
  return cid.normalized().bytes();
}

std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<void> Index::write(const std::function<Result<void>()>& body) {
  const std::scoped_lock lock(mutex_);
  auto transaction = Transaction::begin(*database_);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto done = body(); !done) return done;
  return transaction->commit();
}

Result<void> Index::setStamp(std::int64_t file, const FileStamp& stamp) {
  const std::scoped_lock lock(mutex_);
  auto statement =
      database_->prepare("UPDATE file SET mtime_ns = ?, linked_ctime_ns = ? WHERE id = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, stamp.mtimeNs).bind(2, stamp.linkedCtimeNs).bind(3, file).run();
}

Result<void> Index::markDamaged(const FileRow& file) {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare(
      "UPDATE file SET mtime_ns = ? WHERE id = ? AND mtime_ns = ? AND linked_ctime_ns = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, kDamaged)
      .bind(2, file.id)
      .bind(3, file.stamp.mtimeNs)
      .bind(4, file.stamp.linkedCtimeNs)
      .run();
}

Result<void> Index::addFile(const FileRow& file, const cid::FileTree& tree) {
  auto insert = database_->prepare(
      "INSERT INTO file (sha256, size, mtime_ns, root, dag_size, leaves, linked_ctime_ns) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return std::unexpected(insert.error());
  insert->bindBlob(1, asText(file.sha256))
      .bind(2, static_cast<std::int64_t>(file.stamp.size))
      .bind(3, file.stamp.mtimeNs)
      .bindBlob(4, key(file.root))
      .bind(5, static_cast<std::int64_t>(file.dagSize))
      .bindBlob(6, asText(std::as_bytes(std::span(file.leaves))))
      .bind(7, file.stamp.linkedCtimeNs);
  if (auto inserted = insert->run(); !inserted) return inserted;
  const auto id = database_->lastRowId();

  // OR IGNORE: a leaf that a file holds twice is found at its first place.
  auto region = database_->prepare(
      "INSERT OR IGNORE INTO region (cid, file, offset, length) VALUES (?, ?, ?, ?)");
  if (!region) return std::unexpected(region.error());
  const auto addRegion = [&](const cid::Cid& cid, std::uint64_t offset, std::uint64_t length) {
    return region->bindBlob(1, key(cid))
        .bind(2, id)
        .bind(3, static_cast<std::int64_t>(offset))
        .bind(4, static_cast<std::int64_t>(length))
        .run();
  };
  for (std::uint64_t i = 0; i < file.leaves.size(); ++i) {
    const auto offset = i * cid::kLeafSize;
    const auto length = std::min(cid::kLeafSize, file.stamp.size - offset);
    auto added = addRegion(cid::Cid(cid::Codec::Raw, file.leaves[i]), offset, length);
    if (!added) return added;
  }
  for (const auto& node : tree.nodes) {
    if (auto added = addRegion(node.cid, node.offset, node.length); !added) return added;
    if (auto added = addNode(node.cid, node.block); !added) return added;
  }
  return {};
}

Result<void> Index::removeFile(std::int64_t file) {
  auto statement = database_->prepare("DELETE FROM file WHERE id = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, file).run();
}

Result<void> Index::addNode(const cid::Cid& cid, std::string_view block) {
  // A block that is there already is replaced only where it is damaged.
  auto statement = database_->prepare(
      "INSERT INTO node (cid, block) VALUES (?, ?) ON CONFLICT (cid) DO UPDATE "
      "SET block = excluded.block WHERE block <> excluded.block");
  if (!statement) return std::unexpected(statement.error());
  return statement->bindBlob(1, key(cid)).bindBlob(2, block).run();
}

Result<void> Index::removeNode(std::string_view cidBytes) {
  auto statement = database_->prepare("DELETE FROM node WHERE cid = ?");
  if (!statement) return std::unexpected(statement.error());
  return statement->bindBlob(1, cidBytes).run();
}

Result<std::vector<std::string>> Index::nodeCids() {
  const std::scoped_lock lock(mutex_);
  auto statement = database_->prepare("SELECT cid FROM node");
  if (!statement) return std::unexpected(statement.error());
  return texts(std::move(*statement));
}

Result<void> Index::putPin(const Pin& pin) {
  auto statement = database_->prepare(
      "INSERT OR REPLACE INTO pin (kind, name, variant, cid, origin, added) "
      "VALUES (?, ?, ?, ?, ?, CAST(strftime('%s', 'now') AS INTEGER))");
  if (!statement) return std::unexpected(statement.error());
  return statement->bind(1, pin.kind)
      .bind(2, pin.name)
      .bind(3, pin.variant)
      .bindBlob(4, key(pin.cid))
      .bind(5, pin.origin)
      .run();
}

Result<std::int64_t> Index::erasePin(std::string_view kind, std::string_view name,
                                     std::optional<std::string_view> variant) {
  auto statement = database_->prepare(
      "DELETE FROM pin WHERE kind = ? AND name = ? AND (? OR variant = ?) RETURNING 1");
  if (!statement) return std::unexpected(statement.error());
  statement->bind(1, kind)
      .bind(2, name)
      .bind(3, std::int64_t{!variant})
      .bind(4, variant.value_or(""));
  std::int64_t removed = 0;
  while (true) {
    auto more = statement->step();
    if (!more) return std::unexpected(more.error());
    if (!*more) return removed;
    ++removed;
  }
}

}  // namespace webpool::store
