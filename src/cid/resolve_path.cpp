#include "cid/resolve_path.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <unordered_set>

#include <fmt/format.h>

#include "cid/hamt.h"
#include "cid/ipld.h"

namespace webpool::cid {
namespace {

std::unexpected<Error> noEntry(const Cid& cid, std::string_view name) {
  return fail(ErrorCategory::NotFound, fmt::format("{} has no entry \"{}\"", cid.text(), name),
              "list the folder to see its entries");
}

Result<UnixFsEntity> readEntity(Blocks& blocks, const Cid& cid) {
  const auto block = readBlock(blocks, cid);
  if (!block) return std::unexpected(block.error());
  return readUnixFsEntity(block->view());
}

Result<ShardNode> readShard(Blocks& blocks, const Cid& cid) {
  auto entity = readEntity(blocks, cid);
  if (!entity) return std::unexpected(entity.error());
  if (auto* shard = std::get_if<ShardNode>(&*entity)) return std::move(*shard);
  return fail(ErrorCategory::Protocol, fmt::format("{} is no shard of a folder", cid.text()));
}

/// `way` is told each shard that is read below the root.
Result<Cid> findInShards(Blocks& blocks, const Cid& root, ShardNode shard, std::string_view name,
                         std::vector<Cid>& way) {
  ShardPath places(name, shard.fanout);
  const auto fanout = shard.fanout;
  while (const auto index = places.next()) {
    const auto* place = findPlace(shard, *index);
    if (place == nullptr || (!place->isShard() && place->name != name)) return noEntry(root, name);
    const auto cid = place->cid;
    if (!place->isShard()) return cid;
    auto next = readShard(blocks, cid);
    if (!next) return std::unexpected(next.error());
    if (next->fanout != fanout) {
      return fail(ErrorCategory::Protocol, "the shards of a folder differ in their fanout");
    }
    way.push_back(cid);
    shard = std::move(*next);
  }
  return noEntry(root, name);
}

Result<Cid> findLink(const Cid& cid, const std::vector<Link>& links, std::string_view name) {
  const auto link = std::ranges::find(links, name, &Link::name);
  if (link == links.end()) return noEntry(cid, name);
  return link->cid;
}

Result<Cid> findInNode(Blocks& blocks, const Cid& cid, std::span<const std::byte> block,
                       std::string_view name, std::vector<Cid>& way) {
  const auto node = decodeNode(block);
  if (!node) return std::unexpected(node.error());
  auto entity = readUnixFsEntity(*node);
  if (!entity) {
    // Other data than UnixFS: the links' own names lead on.
    if (isUnixFs(*node)) return std::unexpected(entity.error());
    return findLink(cid, node->links, name);
  }
  if (auto* shard = std::get_if<ShardNode>(&*entity)) {
    return findInShards(blocks, cid, std::move(*shard), name, way);
  }
  if (std::holds_alternative<DirectoryNode>(*entity)) return findLink(cid, node->links, name);
  return noEntry(cid, name);
}

std::vector<std::string> segmentsOf(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), segment.size() + 1));
    if (!segment.empty()) segments.emplace_back(segment);
  }
  return segments;
}

class PathWalk {
 public:
  PathWalk(Blocks& blocks, const Cid& root, std::string_view path)
      : blocks_(blocks), segments_(segmentsOf(path)) {
    result_.cid = root;
    result_.roots.push_back(root);
  }

  Result<ResolvedPath> run() {
    while (at_ < segments_.size() && result_.rest.empty()) {
      const auto block = readBlock(blocks_, result_.cid);
      if (!block) return std::unexpected(block.error());
      const auto found = step(block->view());
      if (!found) return std::unexpected(found.error());
    }
    return std::move(result_);
  }

 private:
  Result<void> step(std::span<const std::byte> block) {
    const auto cid = result_.cid;
    switch (cid.codec()) {
      case Codec::DagPb: {
        std::vector<Cid> shards;
        auto next = findInNode(blocks_, cid, block, segments_[at_], shards);
        if (!next) return std::unexpected(next.error());
        ++at_;
        follow(std::move(*next));
        result_.way.insert(result_.way.end(), shards.begin(), shards.end());
        return {};
      }
      case Codec::DagCbor:
      case Codec::DagJson:
        return stepThroughValue(block);
      default:
        return noEntry(cid, segments_[at_]);
    }
  }

  /// As far as the next link, or to the end of the path.
  Result<void> stepThroughValue(std::span<const std::byte> block) {
    const auto root = decodeIpld(result_.cid.codec(), block);
    if (!root) return std::unexpected(root.error());
    const auto* value = &*root;
    const auto first = at_;
    while (at_ < segments_.size()) {
      value = findIpld(*value, segments_[at_]);
      if (value == nullptr) return noEntry(result_.cid, segments_[at_]);
      ++at_;
      if (const auto* link = std::get_if<Cid>(&value->value)) {
        follow(*link);
        return {};
      }
    }
    result_.rest.assign(segments_.begin() + static_cast<std::ptrdiff_t>(first), segments_.end());
    return {};
  }

  void follow(Cid next) {
    result_.way.push_back(result_.cid);
    result_.roots.push_back(next);
    result_.cid = std::move(next);
  }

  Blocks& blocks_;
  std::vector<std::string> segments_;
  std::size_t at_ = 0;
  ResolvedPath result_;
};

}  // namespace

Result<ResolvedPath> resolvePath(Blocks& blocks, const Cid& root, std::string_view path) {
  return PathWalk(blocks, root, path).run();
}

Result<std::vector<Link>> listFolder(Blocks& blocks, const Cid& folder, std::size_t limit) {
  auto entity = folder.codec() == Codec::DagPb ? readEntity(blocks, folder)
                                               : Result<UnixFsEntity>(FileNode{});
  if (!entity) return std::unexpected(entity.error());
  if (auto* plain = std::get_if<DirectoryNode>(&*entity)) {
    if (plain->entries.size() <= limit) return std::move(plain->entries);
  }
  auto* root = std::get_if<ShardNode>(&*entity);
  if (root == nullptr && !std::holds_alternative<DirectoryNode>(*entity)) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{} is no folder", folder.text()));
  }
  std::vector<Link> entries;
  // What is still to be listed, the next one last. A shard that is met twice would list names
  // twice.
  std::vector<ShardNode::Place> pending;
  std::unordered_set<Cid> seen{folder};
  const auto add = [&](ShardNode& shard) {
    for (auto& place : std::views::reverse(shard.places)) pending.push_back(std::move(place));
  };
  if (root != nullptr) add(*root);
  while (!pending.empty() && entries.size() <= limit) {
    auto place = std::move(pending.back());
    pending.pop_back();
    if (!place.isShard()) {
      entries.push_back({std::move(place.cid), std::move(place.name), place.size});
      continue;
    }
    if (!seen.insert(place.cid).second) {
      return fail(ErrorCategory::Protocol, fmt::format("{} holds a shard twice", folder.text()));
    }
    auto shard = readShard(blocks, place.cid);
    if (!shard) return std::unexpected(shard.error());
    add(*shard);
  }
  if (entries.size() > limit || root == nullptr) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("{} has over {} entries", folder.text(), limit));
  }
  return entries;
}

Result<Cid> findEntry(Blocks& blocks, const Cid& folder, std::string_view name) {
  if (folder.codec() != Codec::DagPb) return noEntry(folder, name);
  const auto block = readBlock(blocks, folder);
  if (!block) return std::unexpected(block.error());
  std::vector<Cid> way;
  return findInNode(blocks, folder, block->view(), name, way);
}

}  // namespace webpool::cid
