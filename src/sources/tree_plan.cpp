#include "sources/tree_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "cid/blocks.h"
#include "cid/dag_walk.h"
#include "cid/tree.h"

namespace webpool::sources {
namespace {

using cid::Cid;
using cid::Codec;

/// Of all nodes in memory: enough for files of a few terabytes, or some million names.
constexpr std::uint64_t kMostNodeBytes = 512u << 20;
/// A tree with longer paths is kept as blocks: it is not listed.
constexpr std::size_t kMostListed = 64u << 20;
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

std::unexpected<Error> malformed(const Cid& cid, std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("{} {}", cid.text(), what),
              "whoever published it has to mend it");
}

std::unexpected<Error> wrongSize(const Cid& cid, std::uint64_t size, std::uint64_t above) {
  return malformed(cid, fmt::format("has {} bytes, {} by the node above it", size, above));
}

/// As cid::FileWalk says it.
Error inPart(const Cid& cid, const Error& error) {
  return {error.category, fmt::format("{}: {}", cid.text(), error.message), error.hint};
}

/// Calls `take(cid, name, bytes below)` for each entry of a folder, or of one of its shards.
template <class Take>
Result<void> eachEntry(const cid::UnixFsEntity& part, const Take& take) {
  if (const auto* plain = std::get_if<cid::DirectoryNode>(&part)) {
    for (const auto& entry : plain->entries) {
      if (auto taken = take(entry.cid, entry.name, entry.size); !taken) return taken;
    }
  }
  if (const auto* shard = std::get_if<cid::ShardNode>(&part)) {
    for (const auto& place : shard->places) {
      if (place.isShard()) continue;
      if (auto taken = take(place.cid, place.name, place.size); !taken) return taken;
    }
  }
  return {};
}

}  // namespace

/// What a folder or a document links to, or the root.
void TreePlan::wantEntry(const Cid& given, std::uint64_t bytes, unsigned level) {
  const auto cid = given.normalized();
  if (isNode(cid)) levels_.emplace(cid, level);
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

Result<void> TreePlan::wantPart(const cid::FilePart& part, unsigned level) {
  const auto cid = part.cid.normalized();
  const auto bytes = std::min<std::uint64_t>(part.size, cid::kMaxBlock);
  if (!isNode(cid)) {
    auto& known = rawParts_[cid];
    if (known == 0) known = bytes;  // nothing is read where a node says that nothing is there
    return {};
  }
  if (cid.codec() != Codec::DagPb) return malformed(cid, "is no part of a file");
  if (level > cid::kMaxDagDepth) return malformed(cid, "lies too deep in its file");
  fileLevels_.emplace(cid, level);
  if (seen_.emplace(cid, true).second) wanted_.push_back({cid, bytes});
  return {};
}

Result<void> TreePlan::wantParts(const Cid& file, const cid::FileNode& node) {
  const auto met = fileLevels_.find(file);
  const auto level = met == fileLevels_.end() ? 0 : met->second;
  for (const auto& part : node.parts) {
    if (auto wanted = wantPart(part, level + 1); !wanted) return wanted;
  }
  return {};
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
  const auto bytes = std::as_bytes(std::span(block));
  Result<cid::UnixFsEntity> entity = std::unexpected(Error{});
  if (cid.codec() == Codec::DagPb) entity = cid::readUnixFsEntity(bytes);
  if (!entity && fileLevels_.contains(cid)) return std::unexpected(inPart(cid, entity.error()));
  if (!entity) return std::unexpected(cid::whyNoEntity(cid, bytes));
  Node node{.block = std::string(block), .entity = std::move(*entity)};
  Read outcome;
  if (auto* file = std::get_if<cid::FileNode>(&node.entity)) {
    if (entrySeen_.contains(cid)) fileRoots_.push_back(cid);
    if (auto wanted = wantParts(cid, *file); !wanted) return std::unexpected(wanted.error());
    outcome.leafToo = !file->data.empty() || file->parts.empty();
    if (outcome.leafToo) {
      bytes_ += file->data.size();
      file->data = file->data.empty() ? "" : "x";  // that there is some is all that counts
      node.block.clear();                          // the caller keeps it
    }
  } else if (auto wanted = wantEntries(cid, node.entity); !wanted) {
    return std::unexpected(wanted.error());
  }
  nodeBytes_ += node.block.size();
  nodes_.emplace(cid, std::move(node));
  if (nodeBytes_ <= kMostNodeBytes) return outcome;
  return fail(
      ErrorCategory::Unsupported,
      fmt::format("the folders below {} take over {} MiB", root_.text(), kMostNodeBytes >> 20),
      "fetch a part of it by its path");
}

/// Of a folder, or of one of its shards, which lies at the folder's own level.
Result<void> TreePlan::wantEntries(const Cid& folder, const cid::UnixFsEntity& entity) {
  const auto met = levels_.find(folder);
  const auto level = met == levels_.end() ? 0 : met->second;
  const auto want = [&](const Cid& cid, std::string_view,
                        std::optional<std::uint64_t> bytes) -> Result<void> {
    if (level + 1 > store::kMostLevels) return store::treeTooLarge();
    const auto before = entrySeen_.size();
    wantEntry(cid, bytes.value_or(0), level + 1);
    if (entrySeen_.size() > before) ++entries_;
    return entries_ > store::kMostEntries ? store::treeTooLarge() : Result<void>();
  };
  if (const auto* shard = std::get_if<cid::ShardNode>(&entity)) {
    for (const auto& place : shard->places) {
      if (place.isShard()) wantEntry(place.cid, place.size.value_or(0), level);
    }
  }
  return eachEntry(entity, want);
}

/// What holds the entries of a folder: itself, and all its shards. Empty for what is no folder.
/// Protocol where its shards are none.
Result<std::vector<const cid::UnixFsEntity*>> TreePlan::partsOf(const Cid& folder) const {
  const auto found = nodes_.find(folder);
  if (found == nodes_.end()) return {};
  std::vector<const cid::UnixFsEntity*> parts{&found->second.entity};
  std::unordered_set<Cid> seen{folder};
  for (std::size_t at = 0; at < parts.size(); ++at) {
    const auto* shard = std::get_if<cid::ShardNode>(parts[at]);
    if (shard == nullptr) continue;
    for (const auto& place : shard->places) {
      if (!place.isShard()) continue;
      const auto inner = nodes_.find(place.cid.normalized());
      if (inner == nodes_.end() || !std::holds_alternative<cid::ShardNode>(inner->second.entity)) {
        return fail(ErrorCategory::Protocol,
                    fmt::format("{} is no shard of a folder", place.cid.text()));
      }
      if (!seen.insert(inner->first).second) {
        return fail(ErrorCategory::Protocol, fmt::format("{} holds a shard twice", folder.text()));
      }
      parts.push_back(&inner->second.entity);
    }
  }
  return parts;
}

/// As TreeReader::measure() does once all is here. Each folder is looked at once.
Result<store::TreeSize> TreePlan::measure(const Cid& given, unsigned level, Sizes& known) const {
  const auto cid = given.normalized();
  if (level > store::kMostLevels) return store::treeTooLarge();
  if (const auto done = known.find(cid); done != known.end()) return done->second;
  const auto parts = partsOf(cid);
  if (!parts) return std::unexpected(parts.error());
  store::TreeSize size{.entries = 1};
  const auto add = [&](const Cid& entry, std::string_view name,
                       std::optional<std::uint64_t>) -> Result<void> {
    const auto below = measure(entry, level + 1, known);
    if (!below) return std::unexpected(below.error());
    size.add(*below, name.size());
    return size.isTooMuch() ? store::treeTooLarge() : Result<void>();
  };
  for (const auto* part : *parts) {
    if (auto added = eachEntry(*part, add); !added) return std::unexpected(added.error());
  }
  if (nodes_.contains(cid)) known.emplace(cid, size);
  return size;
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

/// As cid::FileWalk reads it once all is here, each node looked at once. The levels below it.
Result<unsigned> TreePlan::checkParts(const Cid& file, unsigned level, Heights& known) const {
  if (const auto done = known.find(file); done != known.end()) {
    if (level + done->second <= cid::kMaxDagDepth) return done->second;
    return malformed(file, "lies too deep in its file");
  }
  unsigned height = 0;
  for (const auto& part : std::get<cid::FileNode>(nodes_.at(file).entity).parts) {
    if (part.size == 0) continue;
    const auto below = checkPart(part, level + 1, known);
    if (!below) return below;
    height = std::max(height, *below + 1);
  }
  known.emplace(file, height);
  return height;
}

Result<unsigned> TreePlan::checkPart(const cid::FilePart& part, unsigned level,
                                     Heights& known) const {
  const auto cid = part.cid.normalized();
  if (level > cid::kMaxDagDepth) return malformed(cid, "lies too deep in its file");
  if (!isNode(cid)) {
    const auto size = cid.isIdentity() ? cid.hash().digest.size() : rawParts_.at(cid);
    if (size != part.size) return wrongSize(cid, size, part.size);
    return 0;
  }
  const auto node = nodes_.find(cid);
  const auto* file =
      node == nodes_.end() ? nullptr : std::get_if<cid::FileNode>(&node->second.entity);
  if (file == nullptr) return malformed(cid, "is no part of a file");
  if (file->size != part.size) return wrongSize(cid, file->size, part.size);
  return checkParts(cid, level, known);
}

std::optional<std::uint64_t> TreePlan::partSize(const Cid& leaf) const {
  const auto found = rawParts_.find(leaf.normalized());
  if (found == rawParts_.end() || found->second == 0) return std::nullopt;
  return found->second;
}

Result<void> TreePlan::finish(std::uint64_t mostBytes) {
  Sizes sizes;
  if (const auto size = measure(root_, 0, sizes); !size) return std::unexpected(size.error());
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
  if (bytes_ > mostBytes) return full(root_);
  Heights heights;
  for (const auto& cid : fileRoots_) {
    if (auto checked = checkParts(cid, 0, heights); !checked) {
      return std::unexpected(checked.error());
    }
  }
  return {};
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
  if (depth == 0 || entries.size() > store::kMostEntries || listing.pathBytes > kMostListed) {
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
  Listing listing;
  if (!blocks_.empty() || !listInto(root_, "", store::kMostLevels + 1, sizes, listing)) {
    return std::nullopt;
  }
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
