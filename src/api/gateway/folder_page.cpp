#include "api/gateway/folder_page.h"

#include <fmt/format.h>

#include <utility>

namespace webpool::api::gateway {
namespace {

constexpr std::size_t kPiece = 64u << 10;
/// The hash of a name has 64 bits, of which each level takes some; and no shard of a real folder is
/// without entries.
constexpr unsigned kDeepest = 64;

Result<cid::UnixFsEntity> readEntity(cid::Blocks& blocks, const cid::Cid& cid) {
  const auto block = cid::readBlock(blocks, cid);
  if (!block) return std::unexpected(block.error());
  return cid::readUnixFsEntity(block->view());
}

}  // namespace

Result<void> FolderEntries::begin() {
  begun_ = true;
  auto entity = readEntity(blocks_, folder_);
  if (!entity) return std::unexpected(entity.error());
  if (auto* shard = std::get_if<cid::ShardNode>(&*entity)) {
    levels_.push_back({std::move(shard->places)});
  } else if (auto* plain = std::get_if<cid::DirectoryNode>(&*entity)) {
    plain_ = std::move(plain->entries);
  } else {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{} is no folder", folder_.text()));
  }
  return {};
}

Result<void> FolderEntries::descend(const cid::Cid& shard) {
  if (levels_.size() >= kDeepest || ++fruitless_ > kDeepest) {
    return fail(ErrorCategory::Protocol,
                fmt::format("the shards of {} are too deep, or empty", folder_.text()));
  }
  auto entity = readEntity(blocks_, shard);
  if (!entity) return std::unexpected(entity.error());
  auto* node = std::get_if<cid::ShardNode>(&*entity);
  if (node == nullptr) {
    return fail(ErrorCategory::Protocol, fmt::format("{} is no shard of a folder", shard.text()));
  }
  levels_.push_back({std::move(node->places)});
  return {};
}

Result<std::optional<cid::Link>> FolderEntries::next() {
  if (!begun_) {
    if (auto done = begin(); !done) return std::unexpected(done.error());
  }
  if (atPlain_ < plain_.size()) return std::move(plain_[atPlain_++]);
  while (!levels_.empty()) {
    auto& level = levels_.back();
    if (level.at == level.places.size()) {
      levels_.pop_back();
      continue;
    }
    auto place = std::move(level.places[level.at++]);
    if (!place.isShard()) {
      fruitless_ = 0;
      return cid::Link{std::move(place.cid), std::move(place.name), place.size};
    }
    if (auto done = descend(place.cid); !done) return std::unexpected(done.error());
  }
  return std::nullopt;
}

Result<void> FolderPage::begin() {
  auto made = more();
  if (!made) return std::unexpected(made.error());
  first_ = std::move(*made);
  return {};
}

std::optional<std::string> FolderPage::whole() {
  if (!ended_) return std::nullopt;
  return std::exchange(first_, {});
}

Result<std::optional<Piece>> FolderPage::next() {
  if (!first_.empty()) return Piece{std::exchange(first_, {})};
  if (ended_) return std::nullopt;
  auto made = more();
  if (!made) return std::unexpected(made.error());
  return Piece{std::move(*made)};
}

Result<std::string> FolderPage::more() {
  std::string text;
  if (!std::exchange(headed_, true)) text = text_.head();
  while (text.size() < kPiece) {
    auto entry = entries_.next();
    if (!entry) return std::unexpected(entry.error());
    if (!*entry || left_ == 0) {
      ended_ = true;
      text += FolderPageText::end(*entry ? std::optional(most_) : std::nullopt);
      break;
    }
    left_ -= 1;
    text += text_.row(**entry);
  }
  return text;
}

}  // namespace webpool::api::gateway
