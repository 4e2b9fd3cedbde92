#include "cid/dag_walk.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>

#include "cid/ipld.h"

namespace webpool::cid {
namespace {

std::unexpected<Error> malformed(const Cid& cid, std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("{} {}", cid.text(), what));
}

bool isLeaf(const Cid& cid) {
  return cid.codec() == Codec::Raw && !cid.isIdentity();
}

/// The file's node in a dag-pb block; nullopt for a raw leaf.
Result<std::optional<FileNode>> fileNode(const Cid& cid, const Bytes& block) {
  if (cid.codec() == Codec::Raw) return std::nullopt;
  if (cid.codec() != Codec::DagPb) return malformed(cid, "is no part of a file");
  auto entity = readUnixFsEntity(block.view());
  if (!entity) return std::unexpected(entity.error());
  auto* file = std::get_if<FileNode>(&*entity);
  if (file == nullptr) return malformed(cid, "is no part of a file");
  return std::move(*file);
}

}  // namespace

EntityBytes::Span EntityBytes::within(std::uint64_t size) const noexcept {
  const auto place = [size](std::int64_t at) -> std::uint64_t {
    if (at >= 0) return static_cast<std::uint64_t>(at);
    const auto back = static_cast<std::uint64_t>(-(at + 1)) + 1;
    return back > size ? 0 : size - back;
  };
  const auto begin = std::min(place(from), size);
  if (!to) return {begin, size};
  // An end before the file's first byte means no byte at all.
  if (*to < 0 && static_cast<std::uint64_t>(-(*to + 1)) + 1 > size) return {begin, begin};
  const auto last = place(*to);
  const auto end = last >= size ? size : last + 1;
  return {begin, std::max(begin, end)};
}

Bytes FileWalk::clipped(const Bytes& data, std::uint64_t offset) const {
  const auto end = offset + data.size();
  const auto from = std::clamp(asked_.begin, offset, end);
  const auto to = std::clamp(asked_.end, from, end);
  return data.slice(static_cast<std::size_t>(from - offset), static_cast<std::size_t>(to - from));
}

bool FileWalk::isWanted(const Pending& part) {
  const auto end = part.offset + part.size;
  if (part.offset >= asked_.end || end <= asked_.begin) return false;
  const bool whole = asked_.begin <= part.offset && end <= asked_.end;
  return !once_ || !whole || walked_.insert(part.cid).second;
}

Result<std::optional<FileWalk::Step>> FileWalk::next() {
  if (!begun_) {
    begun_ = true;
    return begin();
  }
  while (!pending_.empty()) {
    const auto part = std::move(pending_.back());
    pending_.pop_back();
    if (!isWanted(part)) continue;
    auto step = read(part);
    if (!step) pending_.clear();
    return step;
  }
  return std::nullopt;
}

Result<FileWalk::Part> FileWalk::look(const Cid& cid) {
  if (!leaves_ && isLeaf(cid)) {
    const auto size = blockSize(blocks_, cid);
    if (!size) return std::unexpected(size.error());
    return Part{{}, std::nullopt, *size, *size};
  }
  auto block = readBlock(blocks_, cid);
  if (!block) return std::unexpected(block.error());
  auto node = fileNode(cid, *block);
  if (!node) return std::unexpected(node.error());
  const std::uint64_t blockSize = block->size();
  const auto fileSize = *node ? (*node)->size : blockSize;
  return Part{std::move(*block), std::move(*node), blockSize, fileSize};
}

Result<std::optional<FileWalk::Step>> FileWalk::begin() {
  auto root = look(root_);
  if (!root) return std::unexpected(root.error());
  const auto size = root->fileSize;
  asked_ = bytes_.within(size);
  return stepInto({root_, 0, size, 0}, std::move(*root));
}

Result<std::optional<FileWalk::Step>> FileWalk::read(const Pending& part) {
  if (part.depth > kMaxDagDepth) return malformed(part.cid, "lies too deep in its file");
  auto found = look(part.cid);
  if (!found) return std::unexpected(found.error());
  if (found->fileSize != part.size) {
    return malformed(
        part.cid, fmt::format("has {} bytes, {} by the node above it", found->fileSize, part.size));
  }
  return stepInto(part, std::move(*found));
}

FileWalk::Step FileWalk::stepInto(const Pending& part, Part read) {
  if (!read.node) {
    auto data = clipped(read.block, part.offset);
    const auto end = part.offset + read.blockSize;
    const auto from = std::clamp(asked_.begin, part.offset, end);
    const auto to = std::clamp(asked_.end, from, end);
    return Step{part.cid,
                std::move(read.block),
                std::move(data),
                {from - part.offset, to - part.offset},
                read.blockSize};
  }
  auto offset = part.offset + read.node->data.size();
  const auto first = pending_.size();
  for (auto& child : read.node->parts) {
    const auto size = child.size;
    if (size > 0) pending_.push_back({std::move(child.cid), offset, size, part.depth + 1});
    offset += size;
  }
  std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(first), pending_.end());
  auto data = clipped(Bytes::copyOf(std::string_view(read.node->data)), part.offset);
  return Step{part.cid, std::move(read.block), std::move(data), {}, read.blockSize};
}

Result<std::uint64_t> fileSize(Blocks& blocks, const Cid& file) {
  const auto block = readBlock(blocks, file);
  if (!block) return std::unexpected(block.error());
  const auto node = fileNode(file, *block);
  if (!node) return std::unexpected(node.error());
  return *node ? (*node)->size : block->size();
}

DagWalk::DagWalk(Blocks& blocks, Cid root, DagWalkOptions options, std::vector<Cid> way)
    : blocks_(blocks), root_(std::move(root)), options_(options) {
  pending_.push_back({root_, 0, options_.scope == DagScope::Block});
  for (auto& cid : std::views::reverse(way)) pending_.push_back({std::move(cid), 0, true});
}

void DagWalk::push(std::vector<Cid> links, const Pending& parent) {
  for (auto& link : std::views::reverse(links)) {
    pending_.push_back({std::move(link), parent.depth + 1, false});
  }
}

Result<std::vector<Cid>> linksOfBlock(const Cid& cid, std::span<const std::byte> block) {
  std::vector<Cid> links;
  switch (cid.codec()) {
    case Codec::DagPb: {
      auto node = decodeNode(block);
      if (!node) return std::unexpected(node.error());
      for (auto& link : node->links) links.push_back(std::move(link.cid));
      return links;
    }
    case Codec::DagCbor:
    case Codec::DagJson: {
      const auto value = decodeIpld(cid.codec(), block);
      if (!value) return std::unexpected(value.error());
      return linksOf(*value);
    }
    case Codec::Cbor:
    case Codec::Json:
    case Codec::Raw:
      break;
  }
  return links;
}

Error whyNoEntity(const Cid& cid, std::span<const std::byte> block) {
  const auto inside = [&]() -> std::optional<Error> {
    if (cid.codec() != Codec::DagPb) {
      const auto links = linksOfBlock(cid, block);
      return links ? std::nullopt : std::optional(links.error());
    }
    const auto node = decodeNode(block);
    if (!node) return node.error();
    if (!isUnixFs(*node)) return std::nullopt;
    const auto entity = readUnixFsEntity(*node);
    return entity ? std::nullopt : std::optional(entity.error());
  }();
  if (inside) {
    return {inside->category, fmt::format("{}: {}", cid.text(), inside->message), inside->hint};
  }
  const auto* const what = cid.codec() == Codec::DagPb ? " without UnixFS" : "";
  return {ErrorCategory::Unsupported,
          fmt::format("{} is {}{}, neither a file nor a folder", cid.text(), codecName(cid.codec()),
                      what),
          "webpool content export writes it as a CAR"};
}

Result<void> DagWalk::expandAll(const Pending& item, const Bytes& block) {
  auto links = linksOfBlock(item.cid, block.view());
  if (!links) return std::unexpected(links.error());
  push(std::move(*links), item);
  return {};
}

Result<void> DagWalk::expandEntity(const Pending& item, const Bytes& block) {
  if (item.cid.codec() != Codec::DagPb) return {};
  const auto node = decodeNode(block.view());
  if (!node) return std::unexpected(node.error());
  if (!isUnixFs(*node)) return {};
  auto entity = readUnixFsEntity(*node);
  if (!entity) return std::unexpected(entity.error());
  if (auto* shard = std::get_if<ShardNode>(&*entity)) {
    std::vector<Cid> shards;
    for (auto& place : shard->places) {
      if (place.isShard()) shards.push_back(std::move(place.cid));
    }
    push(std::move(shards), item);
  } else if (item.depth > 0) {
    return malformed(item.cid, "is no shard of a folder");
  } else if (std::holds_alternative<FileNode>(*entity)) {
    // It reads the root once more, and gives it.
    seen_.erase(item.cid.normalized());
    file_.emplace(blocks_, item.cid, options_.bytes.value_or(EntityBytes{}), !options_.duplicates,
                  options_.leaves);
  }
  return {};
}

Result<void> DagWalk::expand(const Pending& item, const Bytes& block) {
  return options_.scope == DagScope::All ? expandAll(item, block) : expandEntity(item, block);
}

bool DagWalk::isNew(const Cid& cid) {
  return options_.duplicates || seen_.insert(cid.normalized()).second;
}

Result<std::optional<DagWalk::Step>> DagWalk::nextOfFile() {
  while (true) {
    auto step = file_->next();
    if (!step) return std::unexpected(step.error());
    if (!*step) return std::nullopt;
    if ((*step)->cid.isIdentity() || !isNew((*step)->cid)) continue;
    return Step{std::move((*step)->cid), std::move((*step)->block), (*step)->blockSize};
  }
}

Result<std::optional<DagWalk::Step>> DagWalk::next() {
  if (file_) return nextOfFile();
  while (!pending_.empty()) {
    const auto item = std::move(pending_.back());
    pending_.pop_back();
    if (!isNew(item.cid)) continue;
    if (item.depth > kMaxDagDepth) return malformed(item.cid, "lies too deep");
    if (!options_.leaves && isLeaf(item.cid)) {
      const auto size = blockSize(blocks_, item.cid);
      if (!size) return std::unexpected(size.error());
      return Step{item.cid, {}, *size};
    }
    auto block = readBlock(blocks_, item.cid);
    if (!block) return std::unexpected(block.error());
    if (!item.alone) {
      if (auto expanded = expand(item, *block); !expanded) return std::unexpected(expanded.error());
      if (file_) return nextOfFile();
    }
    const std::uint64_t size = block->size();
    if (!item.cid.isIdentity()) return Step{item.cid, std::move(*block), size};
  }
  return std::nullopt;
}

}  // namespace webpool::cid
