// What lies below a root: all its files, all that is to be verified, and whether all is here.
#include <unordered_set>

#include <fmt/format.h>

#include "cid/dag_walk.h"
#include "cid/resolve_path.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

constexpr unsigned kMaxDepth = 128;
constexpr std::size_t kMostEntries = 1'000'000;
constexpr std::size_t kLongestPath = 64u << 10;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::unexpected<Error> tooMuch() {
  return fail(ErrorCategory::Unsupported,
              fmt::format("the folder is deeper than {} levels or has over {} entries", kMaxDepth,
                          kMostEntries));
}

std::string joined(const std::string& path, std::string_view name) {
  // Only for people: a DAG that was made to be deep must not cost its depth once more.
  if (path.size() > kLongestPath) return path;
  return path.empty() ? std::string(name) : fmt::format("{}/{}", path, name);
}

/// Whether a block of that codec can hold links.
bool mayLink(const cid::Cid& cid) {
  return cid.codec() == cid::Codec::DagPb || cid.codec() == cid::Codec::DagCbor ||
         cid.codec() == cid::Codec::DagJson;
}

}  // namespace

Result<void> TreeReader::checkComplete(const cid::Cid& root) const {
  std::unordered_set<std::string> seen;
  std::vector<cid::Cid> pending{root};
  while (!pending.empty()) {
    const auto cid = std::move(pending.back());
    pending.pop_back();
    if (!seen.insert(cid.normalized().bytes()).second) continue;
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
    if (!links) return std::unexpected(links.error());
    for (auto& link : *links) pending.push_back(std::move(link));
  }
  return {};
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

Result<void> TreeReader::collectFiles(const cid::Cid& cid, const std::string& path, unsigned depth,
                                      Listing& listing) const {
  if (depth > kMaxDepth || ++listing.visited > kMostEntries) return tooMuch();
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
    auto collected = collectFiles(entry.cid, path.empty() ? entry.name : path + "/" + entry.name,
                                  depth + 1, listing);
    if (!collected) return collected;
  }
  return {};
}

Result<std::vector<TreeFile>> TreeReader::files(const cid::Cid& root) const {
  Listing listing;
  if (auto collected = collectFiles(root, "", 0, listing); !collected) {
    return std::unexpected(collected.error());
  }
  return std::move(listing.files);
}

Result<void> TreeReader::takePart(const Below& at, std::vector<TreeFile>& parts,
                                  std::vector<Below>& pending) const {
  if (!mayLink(at.cid)) {
    const auto size = fileSize(at.cid);
    if (!size) return std::unexpected(size.error());
    parts.push_back({at.path, at.cid, *size});
    return {};
  }
  const auto block = nodeBlock(at.cid);
  if (!block) return std::unexpected(block.error());
  if (at.cid.codec() == cid::Codec::DagPb) return takeNode(at, *block, parts, pending);
  const auto links = cid::linksOfBlock(at.cid, asBytes(*block));
  if (!links) return std::unexpected(links.error());
  for (const auto& link : *links) pending.push_back({link, joined(at.path, link.text())});
  return {};
}

Result<void> TreeReader::takeNode(const Below& at, std::string_view block,
                                  std::vector<TreeFile>& parts, std::vector<Below>& pending) {
  const auto node = cid::decodeNode(asBytes(block));
  if (!node) return std::unexpected(node.error());
  if (cid::isUnixFs(*node)) {
    const auto read = cid::readUnixFsEntity(*node);
    if (!read) return std::unexpected(read.error());
    if (const auto* file = std::get_if<cid::FileNode>(&*read)) {
      parts.push_back({at.path, at.cid, file->size});
      return {};
    }
    if (const auto* shard = std::get_if<cid::ShardNode>(&*read)) {
      for (const auto& place : shard->places) {
        pending.push_back({place.cid, place.isShard() ? at.path : joined(at.path, place.name)});
      }
      return {};
    }
  }
  for (const auto& link : node->links) pending.push_back({link.cid, joined(at.path, link.name)});
  return {};
}

Result<std::vector<TreeFile>> TreeReader::parts(const cid::Cid& root) const {
  std::unordered_set<std::string> seen;
  std::vector<TreeFile> parts;
  std::vector<Below> pending{{root, ""}};
  while (!pending.empty()) {
    const auto at = std::move(pending.back());
    pending.pop_back();
    if (!seen.insert(at.cid.normalized().bytes()).second) continue;
    if (seen.size() > kMostEntries) return tooMuch();
    if (auto taken = takePart(at, parts, pending); !taken) {
      auto error = taken.error();
      if (!at.path.empty()) error.message += fmt::format(" ({} below {})", at.path, root.text());
      return std::unexpected(std::move(error));
    }
  }
  return parts;
}

}  // namespace webpool::store
