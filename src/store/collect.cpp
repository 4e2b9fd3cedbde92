// Deleting what nothing needs: ContentStore::collect and the sweep of files without a row.
#include <unordered_set>

#include "store/content_store.h"
#include "store/index.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

/// CIDs (binary, version 1) that pins reach: nodes, and files that a folder or a pin names.
using Reached = std::unordered_set<std::string>;

Result<void> reach(const TreeReader& reader, std::vector<cid::Cid> pending, Reached& reached) {
  while (!pending.empty()) {
    const auto cid = pending.back();
    pending.pop_back();
    if (!reached.insert(cid.normalized().bytes()).second) continue;
    if (cid.codec() != cid::Codec::DagPb) continue;
    auto node = reader.node(cid);
    if (!node) {
      // A damaged or absent node has nothing below it that could still be read.
      if (node.error().category == ErrorCategory::Integrity ||
          node.error().category == ErrorCategory::NotFound) {
        continue;
      }
      return std::unexpected(node.error());
    }
    if (const auto* directory = std::get_if<cid::DirectoryNode>(&*node)) {
      for (const auto& entry : directory->entries) pending.push_back(entry.cid);
    } else {
      // The leaves of a file live and die with it; they keep no other file alive.
      for (const auto& part : std::get<cid::FileNode>(*node).parts) {
        if (part.cid.codec() == cid::Codec::DagPb) pending.push_back(part.cid);
      }
    }
  }
  return {};
}

}  // namespace

Result<std::uint64_t> ContentStore::collect() {
  std::uint64_t freed = 0;
  auto collected = writer_->write([&]() -> Result<void> {
    auto pins = writer_->pins({});
    if (!pins) return std::unexpected(pins.error());
    std::vector<cid::Cid> roots;
    for (auto& pin : *pins) roots.push_back(std::move(pin.cid));
    Reached reached;
    auto walked = reach(TreeReader(folder_, *writer_), std::move(roots), reached);
    if (!walked) return walked;

    auto files = writer_->files();
    if (!files) return std::unexpected(files.error());
    for (const auto& file : *files) {
      if (reached.contains(file.root.bytes())) continue;
      if (auto removed = writer_->removeFile(file.id); !removed) return removed;
      freed += file.stamp.size;
    }
    auto nodes = writer_->nodeCids();
    if (!nodes) return std::unexpected(nodes.error());
    for (const auto& node : *nodes) {
      if (reached.contains(node)) continue;
      if (auto removed = writer_->removeNode(node); !removed) return removed;
    }
    return {};
  });
  if (!collected) return std::unexpected(collected.error());
  // Only now, after the commit: a crash in between leaves a file without a row, never the reverse.
  if (auto swept = sweepOrphans(); !swept) return std::unexpected(swept.error());
  return freed;
}

Result<void> ContentStore::sweepOrphans() {
  return writer_->write([&]() -> Result<void> {
    auto rows = writer_->files();
    if (!rows) return std::unexpected(rows.error());
    std::unordered_set<std::string> known;
    for (const auto& row : *rows) known.insert(cid::hexText(row.sha256));
    std::error_code failure;
    std::filesystem::directory_iterator entries(folder_ / "files", failure);
    if (failure) {
      return std::unexpected(base::fileError("can't list", folder_ / "files", failure.value()));
    }
    for (const auto& entry : entries) {
      if (known.contains(entry.path().filename().native())) continue;
      std::error_code ignored;  // the next sweep tries again
      std::filesystem::remove_all(entry.path(), ignored);
    }
    return {};
  });
}

}  // namespace webpool::store
