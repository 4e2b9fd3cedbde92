// What lies below a root: all its files, all that is to be verified, and whether all is here.
#include <ranges>
#include <unordered_set>

#include <fmt/format.h>

#include "cid/dag_walk.h"
#include "cid/resolve_path.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

constexpr std::size_t kLongestPath = 64u << 10;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// The error of a block that can't be read, naming it.
Error inBlock(const cid::Cid& cid, Error error) {
  const auto name = cid.text();
  if (!error.message.contains(name)) error.message = fmt::format("{}: {}", name, error.message);
  return error;
}

/// Whether a block of that codec can hold links.
bool mayLink(const cid::Cid& cid) {
  return cid.codec() == cid::Codec::DagPb || cid.codec() == cid::Codec::DagCbor ||
         cid.codec() == cid::Codec::DagJson;
}

}  // namespace

Result<void> TreeReader::checkComplete(const cid::Cid& root) const {
  std::unordered_set<std::string> seen{root.normalized().bytes()};
  std::vector<cid::Cid> pending{root};
  while (!pending.empty()) {
    const auto cid = std::move(pending.back());
    pending.pop_back();
    const auto regions = index_.regions(cid);
    if (!regions) return std::unexpected(regions.error());
    if (!regions->empty()) continue;  // a whole file, or a part of one
    if (!mayLink(cid)) {
      const auto size = fileSize(cid);
      if (!size) return std::unexpected(size.error());
      continue;
    }
    const auto block = nodeBlock(cid);
    if (!block) return std::unexpected(block.error());
    auto links = cid::linksOfBlock(cid, asBytes(*block));
    if (!links) return std::unexpected(inBlock(cid, links.error()));
    for (auto& link : *links) {
      if (seen.insert(link.normalized().bytes()).second) pending.push_back(std::move(link));
    }
  }
  return {};
}

Result<TreeSize> TreeReader::measureFolder(const cid::Cid& cid, unsigned depth,
                                           Measuring& at) const {
  TreeBlocks blocks(*this);
  const auto entries = cid::listFolder(blocks, cid, kMostEntries);
  if (!entries) return std::unexpected(entries.error());
  TreeSize size{.entries = 1};
  for (const auto& entry : *entries) {
    const auto below = measureBelow(entry.cid, depth + 1, at);
    if (!below) return below;
    size.add(*below, entry.name.size());
    if (size.isTooMuch()) return treeTooLarge();
  }
  return size;
}

Result<TreeSize> TreeReader::measureNode(const cid::Cid& cid, unsigned depth, Measuring& at) const {
  const auto block = nodeBlock(cid);
  if (!block) return std::unexpected(block.error());
  const auto node = cid::decodeNode(asBytes(*block));
  if (!node) return std::unexpected(node.error());
  if (!cid::isUnixFs(*node)) return TreeSize{.entries = 1};
  const auto read = cid::readUnixFsEntity(*node);
  if (!read) return std::unexpected(read.error());
  if (const auto* file = std::get_if<cid::FileNode>(&*read)) {
    return TreeSize{.entries = 1, .files = 1, .bytes = file->size};
  }
  if (std::holds_alternative<cid::SymlinkNode>(*read)) return TreeSize{.entries = 1};
  return measureFolder(cid, depth, at);
}

Result<TreeSize> TreeReader::measureBelow(const cid::Cid& cid, unsigned depth,
                                          Measuring& at) const {
  if (depth > kMostLevels || at.known.size() > kMostEntries) return treeTooLarge();
  if (at.stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
  const auto measured = [&](Result<TreeSize> size) {
    const bool gap = !size && (size.error().category == ErrorCategory::NotFound ||
                               size.error().category == ErrorCategory::Protocol);
    return gap && at.gaps ? Result<TreeSize>(TreeSize{.entries = 1}) : size;
  };
  if (cid.codec() == cid::Codec::Raw) {
    if (at.gaps) return TreeSize{.entries = 1, .files = 1};
    const auto size = fileSize(cid);
    if (!size) return std::unexpected(size.error());
    return TreeSize{.entries = 1, .files = 1, .bytes = *size};
  }
  if (cid.codec() != cid::Codec::DagPb) return TreeSize{.entries = 1};
  if (const auto known = at.known.find(cid); known != at.known.end()) return known->second;
  auto size = measured(measureNode(cid, depth, at));
  if (size) at.known.emplace(cid, *size);
  return size;
}

Result<TreeSize> TreeReader::measure(const cid::Cid& root, const std::stop_token& stop,
                                     bool gaps) const {
  Measuring at{stop, gaps, {}};
  auto size = measureBelow(root, 0, at);
  if (size && size->isTooMuch()) return treeTooLarge();
  return size;
}

/// Adds the file, or reads the folder.
Result<void> TreeReader::collectNode(const cid::Cid& cid, const std::string& path,
                                     Listing& listing) const {
  const auto block = nodeBlock(cid);
  if (!block) return std::unexpected(block.error());
  const auto node = cid::decodeNode(asBytes(*block));
  if (!node) return std::unexpected(node.error());
  if (!cid::isUnixFs(*node)) return {};
  const auto read = cid::readUnixFsEntity(*node);
  if (!read) return std::unexpected(read.error());
  if (const auto* file = std::get_if<cid::FileNode>(&*read)) {
    listing.files.push_back({path, cid, file->size});
    return {};
  }
  if (std::holds_alternative<cid::SymlinkNode>(*read)) return {};
  TreeBlocks blocks(*this);
  auto entries = cid::listFolder(blocks, cid, kMostEntries);
  if (!entries) return std::unexpected(entries.error());
  listing.folders.emplace(cid, std::move(*entries));
  return {};
}

Result<void> TreeReader::collectFiles(const cid::Cid& cid, const std::string& path,
                                      Listing& listing) const {
  if (cid.codec() == cid::Codec::Raw) {
    const auto size = fileSize(cid);
    if (!size) return std::unexpected(size.error());
    listing.files.push_back({path, cid, *size});
    return {};
  }
  if (cid.codec() != cid::Codec::DagPb) return {};
  if (!listing.folders.contains(cid)) {
    if (auto read = collectNode(cid, path, listing); !read) return read;
  }
  const auto folder = listing.folders.find(cid);
  if (folder == listing.folders.end()) return {};
  for (const auto& entry : folder->second) {  // stays where it is while others are added
    auto collected =
        collectFiles(entry.cid, path.empty() ? entry.name : path + "/" + entry.name, listing);
    if (!collected) return collected;
  }
  return {};
}

Result<std::vector<TreeFile>> TreeReader::files(const cid::Cid& root) const {
  // Before any path is made: it bounds the depth of the walk, its steps and its memory. What is
  // missing the walk itself tells.
  if (const auto size = measure(root, {}, true); !size) return std::unexpected(size.error());
  Listing listing;
  if (auto collected = collectFiles(root, "", listing); !collected) {
    return std::unexpected(collected.error());
  }
  return std::move(listing.files);
}

std::string TreeParts::pathTo(std::size_t place) const {
  std::vector<std::string_view> names;
  std::size_t length = 0;
  for (; place != 0 && length <= kLongestPath; place = places_[place].above) {
    names.emplace_back(places_[place].name);
    length += names.back().size() + 1;
  }
  std::string path = place == 0 ? "" : "…";
  for (const auto& name : std::views::reverse(names)) {
    if (!path.empty()) path += '/';
    path += name;
  }
  return path;
}

/// Finds the parts below a root. What waits is never more than there are different blocks.
class TreeReader::PartFinder {
 public:
  explicit PartFinder(const TreeReader& tree) : tree_(tree) {}

  Result<TreeParts> run(const cid::Cid& root, const std::stop_token& stop) {
    push(root, 0, "");
    while (!pending_.empty()) {
      if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
      const auto at = std::move(pending_.back());
      pending_.pop_back();
      if (auto taken = take(at); !taken) {
        auto error = inBlock(at.cid, taken.error());
        const auto path = found_.pathTo(at.place);
        if (!path.empty()) error.message += fmt::format(" ({} below {})", path, root.text());
        return std::unexpected(std::move(error));
      }
      if (seen_.size() > kMostEntries) {
        return fail(ErrorCategory::Unsupported,
                    fmt::format("over {} blocks lie below {}", kMostEntries, root.text()),
                    "give the CID of a folder below it");
      }
    }
    return std::move(found_);
  }

 private:
  struct Below {
    cid::Cid cid;
    std::size_t place = 0;
  };

  /// Once each. Without a name it has the place of what links to it.
  void push(const cid::Cid& cid, std::size_t above, std::string name) {
    if (!seen_.insert(cid.normalized().bytes()).second) return;
    auto place = above;
    if (!name.empty()) {
      place = found_.places_.size();
      found_.places_.push_back({std::move(name), above});
    }
    pending_.push_back({cid, place});
  }

  Result<void> take(const Below& at) {
    if (!mayLink(at.cid)) {
      const auto size = tree_.fileSize(at.cid);
      if (!size) return std::unexpected(size.error());
      found_.parts_.push_back({at.cid, *size, at.place});
      return {};
    }
    const auto block = tree_.nodeBlock(at.cid);
    if (!block) return std::unexpected(block.error());
    if (at.cid.codec() == cid::Codec::DagPb) return takeNode(at, *block);
    const auto links = cid::linksOfBlock(at.cid, asBytes(*block));
    if (!links) return std::unexpected(links.error());
    for (const auto& link : *links) push(link, at.place, link.text());
    return {};
  }

  Result<void> takeNode(const Below& at, std::string_view block) {
    const auto node = cid::decodeNode(asBytes(block));
    if (!node) return std::unexpected(node.error());
    if (cid::isUnixFs(*node)) {
      const auto read = cid::readUnixFsEntity(*node);
      if (!read) return std::unexpected(read.error());
      if (const auto* file = std::get_if<cid::FileNode>(&*read)) {
        found_.parts_.push_back({at.cid, file->size, at.place});
        return {};
      }
      if (const auto* shard = std::get_if<cid::ShardNode>(&*read)) {
        for (const auto& place : shard->places) {
          push(place.cid, at.place, place.isShard() ? "" : place.name);
        }
        return {};
      }
    }
    for (const auto& link : node->links) push(link.cid, at.place, link.name);
    return {};
  }

  const TreeReader& tree_;
  TreeParts found_;
  std::vector<Below> pending_;
  std::unordered_set<std::string> seen_;
};

Result<TreeParts> TreeReader::parts(const cid::Cid& root, const std::stop_token& stop) const {
  return PartFinder(*this).run(root, stop);
}

}  // namespace webpool::store
