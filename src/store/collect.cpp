// Deleting what nothing needs: ContentStore::collect and the sweep of files without a row.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "cid/dag_walk.h"
#include "store/compact.h"
#include "store/content_store.h"
#include "store/index.h"
#include "store/packs.h"
#include "store/staging.h"
#include "store/tree_reader.h"

namespace webpool::store {
namespace {

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Bytes of the store that were decided on so far.
class Decided {
 public:
  Decided(const JobOptions& options, std::uint64_t total) : options_(options) {
    progress_.total = total;
  }
  /// Cancelled when the collection is to end.
  Result<void> add(std::uint64_t bytes) {
    progress_.done = std::min(progress_.done + bytes, progress_.total);
    if (options_.progress) options_.progress(progress_);
    if (options_.stop.stop_requested()) return fail(ErrorCategory::Cancelled, "cancelled");
    return {};
  }

 private:
  const JobOptions& options_;
  Progress progress_{Progress::Phase::Verify, "", 0, 0};
};

Result<std::uint64_t> bytesOfPacks(Index& index) {
  const auto packs = index.packs();
  if (!packs) return std::unexpected(packs.error());
  std::uint64_t bytes = 0;
  for (const auto& pack : *packs) bytes += pack.size;
  return bytes;
}

/// Of all files and packs.
Result<std::uint64_t> bytesOf(Index& index) {
  auto bytes = bytesOfPacks(index);
  const auto files = index.files();
  if (!files) return std::unexpected(files.error());
  if (!bytes) return bytes;
  for (const auto& file : *files) *bytes += file.stamp.size;
  return bytes;
}

/// What is needed: everything that pins reach, and what living sessions hold.
class Reached {
 public:
  Reached(const TreeReader& reader, Index& index, Decided& decided)
      : reader_(reader), index_(index), decided_(decided) {}

  Result<void> below(std::vector<cid::Cid> pending) {
    while (!pending.empty()) {
      const auto cid = std::move(pending.back());
      pending.pop_back();
      auto links = take(cid);
      if (!links) return std::unexpected(links.error());
      if (auto goesOn = decided_.add(std::exchange(newBytes_, 0)); !goesOn) return goesOn;
      for (auto& link : *links) pending.push_back(std::move(link));
    }
    return {};
  }

  /// That block alone; with its inner nodes where it is a file that is kept whole.
  Result<void> hold(std::string cidBytes) {
    const auto cid = cid::Cid::fromBytes(asBytes(cidBytes));
    cids_.insert(std::move(cidBytes));
    if (!cid) return {};
    const auto kept = keepFiles(*cid);
    if (!kept) return std::unexpected(kept.error());
    if (!*kept) return {};
    auto inner = takeTree(*cid);
    return inner ? below(std::move(*inner)) : std::unexpected(inner.error());
  }

  bool hasFile(const FileRow& file) const { return files_.contains(file.id); }
  bool hasBlock(const std::string& cidBytes) const { return cids_.contains(cidBytes); }

 private:
  /// Keeps the block and every file that it is a part of; its links, where they are not kept by
  /// that.
  Result<std::vector<cid::Cid>> take(const cid::Cid& cid) {
    if (!cids_.insert(cid.normalized().bytes()).second) return {};
    const auto kept = keepFiles(cid);
    if (!kept) return std::unexpected(kept.error());
    if (*kept) return takeTree(cid);
    if (cid.codec() == cid::Codec::Raw) return {};
    const auto block = reader_.nodeBlock(cid);
    if (block) return cid::linksOfBlock(cid, asBytes(*block)).value_or(std::vector<cid::Cid>());
    // A damaged or absent node has nothing below it that could still be read.
    const auto category = block.error().category;
    if (category == ErrorCategory::Integrity || category == ErrorCategory::NotFound) return {};
    return std::unexpected(block.error());
  }

  /// The inner nodes of a file that is kept whole; its leaves live with it.
  Result<std::vector<cid::Cid>> takeTree(const cid::Cid& cid) {
    std::vector<cid::Cid> inner;
    if (cid.codec() != cid::Codec::DagPb) return inner;
    const auto block = reader_.nodeBlock(cid);
    if (!block) return inner;
    inner = cid::linksOfBlock(cid, asBytes(*block)).value_or(std::vector<cid::Cid>());
    std::erase_if(inner, [](const cid::Cid& link) { return link.codec() != cid::Codec::DagPb; });
    return inner;
  }

  /// Keeps the file of that CID, else one that it is a part of; false where there is none, or
  /// where the block is packed besides.
  Result<bool> keepFiles(const cid::Cid& cid) {
    const auto regions = index_.regions(cid);
    if (!regions) return std::unexpected(regions.error());
    if (regions->empty()) return false;
    const auto id = cid.normalized();
    for (const auto& region : *regions) {
      if (region.file.root != id) continue;
      keep(region.file);
      return true;
    }
    for (const auto& region : *regions) {
      if (files_.contains(region.file.id)) return true;
    }
    const auto packed = index_.packed(cid);
    if (!packed) return std::unexpected(packed.error());
    if (*packed) return false;
    keep(regions->front().file);
    return true;
  }

  void keep(const FileRow& file) {
    if (files_.insert(file.id).second) newBytes_ += file.stamp.size;
  }

  const TreeReader& reader_;
  Index& index_;
  Decided& decided_;
  std::uint64_t newBytes_ = 0;            ///< of files that are kept, not told so far
  std::unordered_set<std::string> cids_;  ///< binary, version 1
  std::unordered_set<std::int64_t> files_;
};

Result<void> reachAll(Index& index, const StagingArea& staging, Reached& reached) {
  auto pins = index.pins({});
  if (!pins) return std::unexpected(pins.error());
  std::vector<cid::Cid> roots;
  for (auto& pin : *pins) roots.push_back(std::move(pin.cid));
  if (auto walked = reached.below(std::move(roots)); !walked) return walked;
  const auto holders = index.leaseHolders();
  if (!holders) return std::unexpected(holders.error());
  for (const auto& holder : *holders) {
    if (!staging.isHeld(holder)) {
      if (auto removed = index.removeLeases(holder); !removed) return removed;
      continue;
    }
    auto cids = index.leasedCids(holder);
    if (!cids) return std::unexpected(cids.error());
    for (auto& cid : *cids) {
      if (auto held = reached.hold(std::move(cid)); !held) return held;
    }
  }
  return {};
}

/// Removes the rows of everything else.
Result<Collected> removeOthers(Index& index, const Reached& reached, Decided& decided) {
  Collected collected;
  const auto files = index.files();
  if (!files) return std::unexpected(files.error());
  for (const auto& file : *files) {
    if (reached.hasFile(file)) continue;
    if (auto removed = index.removeFile(file.id); !removed) return std::unexpected(removed.error());
    ++collected.files;
    collected.bytes += file.stamp.size;
    if (auto goesOn = decided.add(file.stamp.size); !goesOn) {
      return std::unexpected(goesOn.error());
    }
  }
  const auto nodes = index.nodeCids();
  if (!nodes) return std::unexpected(nodes.error());
  for (const auto& node : *nodes) {
    if (reached.hasBlock(node)) continue;
    if (auto removed = index.removeNode(node); !removed) return std::unexpected(removed.error());
    ++collected.nodes;
  }
  const auto packed = index.packedCids();
  if (!packed) return std::unexpected(packed.error());
  const auto packBytes = bytesOfPacks(index);
  if (!packBytes) return std::unexpected(packBytes.error());
  for (const auto& block : *packed) {
    // Blocks are not alike, but their number is what takes the time.
    if (auto goesOn = decided.add(*packBytes / packed->size()); !goesOn) {
      return std::unexpected(goesOn.error());
    }
    if (reached.hasBlock(block)) continue;
    if (const auto cid = cid::Cid::fromBytes(asBytes(block))) {
      const auto row = index.packed(*cid);
      if (row && *row) collected.bytes += (*row)->length;
    }
    if (auto removed = index.removePacked(block); !removed) {
      return std::unexpected(removed.error());
    }
    ++collected.blocks;
  }
  return collected;
}

}  // namespace

Result<Collected> ContentStore::collect(bool dryRun, const JobOptions& options) {
  Collected collected;
  const Error onlyLooking{ErrorCategory::Cancelled, "nothing was deleted", ""};
  auto written = writer_->write([&]() -> Result<void> {
    const TreeReader reader(folder_, *writer_, *packs_);
    const auto total = bytesOf(*writer_);
    if (!total) return std::unexpected(total.error());
    Decided decided(options, *total);
    const auto dead = deadHolds(*writer_);
    if (!dead) return std::unexpected(dead.error());
    for (const auto& pin : *dead) {
      auto gone = writer_->erasePin(pin.kind, pin.name, pin.variant);
      if (!gone) return std::unexpected(gone.error());
    }
    Reached reached(reader, *writer_, decided);
    if (auto walked = reachAll(*writer_, *staging_, reached); !walked) return walked;
    auto removed = removeOthers(*writer_, reached, decided);
    if (!removed) return std::unexpected(removed.error());
    collected = *removed;
    return dryRun ? Result<void>(std::unexpected(onlyLooking)) : Result<void>();
  });
  if (dryRun && !written && written.error().message == onlyLooking.message) return collected;
  if (!written) return std::unexpected(written.error());
  // Only now, after the commit: a crash in between leaves a file without a row, never the reverse.
  if (auto swept = sweepOrphans(); !swept) return std::unexpected(swept.error());
  const auto compacted = compactPacks(*packs_, *writer_);
  // It needs room before it frees any: where there is none yet, the next collection does it.
  if (!compacted && compacted.error().category != ErrorCategory::NoSpace) {
    return std::unexpected(compacted.error());
  }
  if (auto swept = sweepOrphans(); !swept) return std::unexpected(swept.error());
  return collected;
}

Result<std::vector<std::filesystem::path>> ContentStore::orphans() {
  auto rows = writer_->files();
  if (!rows) return std::unexpected(rows.error());
  std::unordered_set<std::string> known;
  for (const auto& row : *rows) known.insert(cid::hexText(row.sha256));
  std::error_code failure;
  std::filesystem::directory_iterator entries(folder_ / "files", failure);
  if (failure) {
    return std::unexpected(base::fileError("can't list", folder_ / "files", failure.value()));
  }
  auto found = packs_->orphans(*writer_);
  if (!found) return found;
  for (const auto& entry : entries) {
    if (!known.contains(entry.path().filename().native())) found->push_back(entry.path());
  }
  return found;
}

Result<void> ContentStore::sweepOrphans() {
  bool any = false;
  const auto looked = writer_->write([&]() -> Result<void> {
    const auto found = orphans();
    if (!found) return std::unexpected(found.error());
    any = !found->empty();
    // Their rows may be in a commit that its dead process told nobody of.
    return any ? writer_->bury() : Result<void>();
  });
  if (!looked || !any) return looked;
  return writer_->write([&]() -> Result<void> {
    const auto found = orphans();
    if (!found) return std::unexpected(found.error());
    for (const auto& path : *found) {
      std::error_code ignored;  // the next sweep tries again
      std::filesystem::remove_all(path, ignored);
    }
    return {};
  });
}

}  // namespace webpool::store
