#include "sources/tree_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "cid/blocks.h"
#include "cid/tree.h"

namespace webpool::sources {
namespace {

using cid::Cid;
using cid::Codec;

/// Of all nodes in memory: enough for files of a few terabytes, or some million names.
constexpr std::uint64_t kMostNodeBytes = 512u << 20;
constexpr std::size_t kMostEntries = 1'000'000;
/// A small DAG can have paths without end, and long ones.
constexpr std::size_t kMostPathBytes = 64u << 20;
constexpr std::uint64_t kUsualNode = 48u << 10;

bool isNode(const Cid& cid) {
  return cid.codec() != Codec::Raw;
}

bool isSha256(const Cid& cid) {
  return cid.hash().function == cid::HashFunction::Sha256;
}

cid::Digest digestOf(const Cid& cid) {
  cid::Digest digest{};
  std::ranges::transform(cid.hash().digest, digest.begin(),
                         [](char c) { return static_cast<std::byte>(c); });
  return digest;
}

}  // namespace

/// What a folder or a document links to, or the root.
void TreePlan::wantEntry(const Cid& given, std::uint64_t bytes) {
  const auto cid = given.normalized();
  if (!entrySeen_.emplace(cid, true).second) return;
  if (isNode(cid)) {
    if (seen_.emplace(cid, true).second) wanted_.push_back({cid, kUsualNode});
    const auto known = nodes_.find(cid);
    const bool file =
        known != nodes_.end() && std::holds_alternative<cid::FileNode>(known->second.entity);
    if (file) fileRoots_.push_back(cid);
    return;
  }
  rawEntries_.emplace(cid, std::min<std::uint64_t>(bytes, cid::kMaxBlock));
}

void TreePlan::wantPart(const cid::FilePart& part) {
  const auto cid = part.cid.normalized();
  if (isNode(cid)) {
    if (seen_.emplace(cid, true).second) {
      wanted_.push_back({cid, std::min<std::uint64_t>(part.size, cid::kMaxBlock)});
    }
  } else {
    rawParts_.emplace(cid, std::min<std::uint64_t>(part.size, cid::kMaxBlock));
  }
}

std::optional<TreePlan::WantedNode> TreePlan::nextNode() {
  if (wanted_.empty()) return std::nullopt;
  auto next = std::move(wanted_.front());
  wanted_.pop_front();
  return next;
}

Result<TreePlan::Read> TreePlan::read(const Cid& given, std::string_view block) {
  const auto cid = given.normalized();
  if (nodes_.contains(cid)) return Read{};
  if (cid.codec() != Codec::DagPb) {
    return fail(ErrorCategory::Unsupported, fmt::format("{} is {}, neither a file nor a folder",
                                                        cid.text(), cid::codecName(cid.codec())));
  }
  auto entity = cid::readUnixFsEntity(std::as_bytes(std::span(block)));
  if (!entity) return std::unexpected(entity.error());
  Node node{.block = std::string(block), .entity = std::move(*entity)};
  Read outcome;
  if (auto* file = std::get_if<cid::FileNode>(&node.entity)) {
    if (entrySeen_.contains(cid)) fileRoots_.push_back(cid);
    for (const auto& part : file->parts) wantPart(part);
    outcome.leafToo = !file->data.empty() || file->parts.empty();
    if (outcome.leafToo) {
      bytes_ += file->data.size();
      file->data = file->data.empty() ? "" : "x";  // that there is some is all that counts
      node.block.clear();                          // the caller keeps it
    }
  } else if (const auto* folder = std::get_if<cid::DirectoryNode>(&node.entity)) {
    for (const auto& entry : folder->entries) wantEntry(entry.cid, entry.size.value_or(0));
  } else if (const auto* shard = std::get_if<cid::ShardNode>(&node.entity)) {
    for (const auto& place : shard->places) wantEntry(place.cid, place.size.value_or(0));
  }
  nodeBytes_ += node.block.size();
  nodes_.emplace(cid, std::move(node));
  if (nodeBytes_ <= kMostNodeBytes) return outcome;
  return fail(
      ErrorCategory::Unsupported,
      fmt::format("the folders below {} take over {} MiB", root_.text(), kMostNodeBytes >> 20),
      "fetch a part of it by its path");
}

/// False where the layout is another one than the store's.
bool TreePlan::collectLeaves(const Cid& given, std::uint64_t size, unsigned depth,
                             PlannedFile& file) const {
  const auto cid = given.normalized();
  if (cid.codec() == Codec::Raw) {
    if (!isSha256(cid) || size > cid::kLeafSize) return false;
    file.leaves.push_back(cid);
    return true;
  }
  const auto found = nodes_.find(cid);
  if (depth == 0 || found == nodes_.end()) return false;
  const auto* node = std::get_if<cid::FileNode>(&found->second.entity);
  if (node == nullptr || !node->data.empty() || node->parts.empty()) return false;
  return std::ranges::all_of(node->parts, [&](const cid::FilePart& part) {
    return part.size > 0 && collectLeaves(part.cid, part.size, depth - 1, file);
  });
}

std::optional<PlannedFile> TreePlan::planFile(const Cid& cid) const {
  constexpr unsigned kDeepest = 8;
  PlannedFile file{.cid = cid, .size = 0, .leaves = {}};
  file.size = std::get<cid::FileNode>(nodes_.at(cid).entity).size;
  if (!collectLeaves(cid, file.size, kDeepest, file)) return std::nullopt;
  std::vector<cid::Digest> digests;
  digests.reserve(file.leaves.size());
  for (const auto& leaf : file.leaves) digests.push_back(digestOf(leaf));
  const auto tree = cid::buildFileTree(digests, file.size);
  if (!tree || tree->root != cid) return std::nullopt;
  return file;
}

void TreePlan::markNodes(const Cid& file) {
  const auto cid = file.normalized();
  const auto found = nodes_.find(cid);
  if (found == nodes_.end() || !wholeNodes_.emplace(cid, true).second) return;
  for (const auto& part : std::get<cid::FileNode>(found->second.entity).parts) {
    markNodes(part.cid);
  }
}

Result<void> TreePlan::finish(std::uint64_t mostBytes) {
  std::unordered_set<Cid> planned;  // leaves of files that are kept in one piece
  const auto full = [&](const Cid& cid) {
    return fail(
        ErrorCategory::NoSpace,
        fmt::format("{} needs more than the {} MiB that are free", cid.text(), mostBytes >> 20),
        "free space, or set WEBPOOL_DATA_DIR to another disk");
  };
  for (const auto& cid : fileRoots_) {
    // Leaves are listed only where the disk could hold them, whatever a node claims.
    if (std::get<cid::FileNode>(nodes_.at(cid).entity).size > mostBytes) return full(cid);
    auto file = planFile(cid);
    if (!file) continue;
    markNodes(cid);
    planned.insert(file->leaves.begin(), file->leaves.end());
    bytes_ += file->size;
    files_.push_back(std::move(*file));
  }
  for (const auto& [cid, size] : rawEntries_) {
    if (cid.isIdentity()) continue;
    bytes_ += size;
    if (cid.codec() == Codec::Raw && size <= cid::kLeafSize && isSha256(cid)) {
      files_.push_back({.cid = cid, .size = size, .leaves = {cid}});
      planned.insert(cid);
    } else {
      blocks_.push_back({cid, size});
    }
  }
  for (const auto& [cid, size] : rawParts_) {
    if (cid.isIdentity() || planned.contains(cid) || rawEntries_.contains(cid)) continue;
    bytes_ += size;
    blocks_.push_back({cid, size});
  }
  return bytes_ > mostBytes ? full(root_) : Result<void>();
}

std::vector<std::pair<Cid, const std::string*>> TreePlan::otherNodes() const {
  std::vector<std::pair<Cid, const std::string*>> others;
  for (const auto& [cid, node] : nodes_) {
    if (!node.block.empty() && !wholeNodes_.contains(cid)) others.emplace_back(cid, &node.block);
  }
  return others;
}

bool TreePlan::listInto(const Cid& given, const std::string& path, unsigned depth,
                        const std::unordered_map<Cid, std::uint64_t>& sizes,
                        Listing& listing) const {
  const auto cid = given.normalized();
  auto& entries = listing.entries;
  listing.pathBytes += path.size();
  if (depth == 0 || entries.size() > kMostEntries || listing.pathBytes > kMostPathBytes) {
    return false;
  }
  const auto found = nodes_.find(cid);
  if (found == nodes_.end() || wholeNodes_.contains(cid)) {
    const auto size = sizes.find(cid);
    if (size == sizes.end()) return false;
    entries.push_back({.path = path, .cid = cid, .dagSize = size->second});
    return true;
  }
  if (const auto* link = std::get_if<cid::SymlinkNode>(&found->second.entity)) {
    entries.push_back(
        {.path = path, .cid = cid, .dagSize = found->second.block.size(), .target = link->target});
    return true;
  }
  const auto* folder = std::get_if<cid::DirectoryNode>(&found->second.entity);
  if (folder == nullptr) return false;
  if (folder->entries.empty()) entries.push_back({.path = path, .cid = cid, .folder = true});
  return std::ranges::all_of(folder->entries, [&](const cid::Link& entry) {
    return listInto(entry.cid, path.empty() ? entry.name : path + "/" + entry.name, depth - 1,
                    sizes, listing);
  });
}

std::optional<std::vector<TreeEntry>> TreePlan::asImport(
    const std::unordered_map<Cid, std::uint64_t>& sizes) const {
  constexpr unsigned kDeepest = 100;
  Listing listing;
  if (!blocks_.empty() || !listInto(root_, "", kDeepest, sizes, listing)) return std::nullopt;
  auto& entries = listing.entries;
  if (entries.size() == 1 && entries[0].path.empty()) {
    if (entries[0].target || entries[0].folder) return std::nullopt;
    return std::move(entries);
  }
  store::FolderBuilder builder;
  for (const auto& entry : entries) {
    const auto added = entry.folder ? builder.addFolder(entry.path)
                                    : builder.addFile(entry.path, entry.cid, entry.dagSize);
    if (!added) return std::nullopt;
  }
  const auto built = builder.build();
  if (!built || built->back().tree.root != root_.normalized()) return std::nullopt;
  return std::move(entries);
}

}  // namespace webpool::sources
