#include "store/compact.h"

#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

namespace webpool::store {
namespace {

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// A living block, and where it lies now.
struct Moved {
  std::string cidBytes;
  PackedRow to;
};

class Compaction {
 public:
  Compaction(Packs& packs, Index& writer) : packs_(packs), writer_(writer) {}

  Result<void> consider(const PackRow& listed) {
    const auto lock = base::FileLock::tryAcquire(packs_.path(listed.id));
    if (!lock) return {};
    const auto row = writer_.pack(listed.id);
    if (!row) return std::unexpected(row.error());
    if (!*row) {  // another process was first, and the lock just made an empty file
      ::unlink(packs_.path(listed.id).c_str());
      return {};
    }
    const auto living = writer_.packedBytes(listed.id);
    if (!living) return std::unexpected(living.error());
    if (*living * 2 >= (*row)->size && *living > 0) return {};
    auto moved = copyLiving(listed.id);
    if (!moved) return std::unexpected(moved.error());
    if (!*moved) return {};  // something in it is damaged: it stays, so that it can be reported
    return replace(listed.id, **moved);
  }

 private:
  /// Copies what lives into the pack that is being written; none where a block is damaged.
  Result<std::optional<std::vector<Moved>>> copyLiving(std::int64_t pack) {
    const auto cids = writer_.packedCids(pack);
    if (!cids) return std::unexpected(cids.error());
    std::vector<Moved> moved;
    for (const auto& bytes : *cids) {
      const auto cid = cid::Cid::fromBytes(asBytes(bytes));
      if (!cid) return std::unexpected(cid.error());
      const auto region = packs_.findAndHash(writer_, *cid);
      if (!region && region.error().category == ErrorCategory::Integrity) {
        return std::optional<std::vector<Moved>>();
      }
      if (!region) return std::unexpected(region.error());
      if (!*region) continue;  // another process collected it just now
      const auto content = readContent(**region);
      if (!content) return std::unexpected(content.error());
      if (targets_.empty() || targets_.back().isFull()) {
        auto created = PackAppender::create(packs_, writer_);
        if (!created) return std::unexpected(created.error());
        targets_.push_back(std::move(*created));
      }
      auto to = targets_.back().append(*cid, content->view());
      if (!to) return std::unexpected(to.error());
      moved.push_back({bytes, *to});
    }
    return std::optional(std::move(moved));
  }

  Result<void> replace(std::int64_t pack, const std::vector<Moved>& moved) {
    for (auto& target : targets_) {
      if (auto flushed = target.flush(); !flushed) return flushed;
    }
    auto written = writer_.write([&]() -> Result<void> {
      for (const auto& target : targets_) {
        if (auto sized = writer_.setPackSize(target.id(), target.size()); !sized) return sized;
      }
      for (const auto& [cidBytes, to] : moved) {
        if (auto done = writer_.movePacked(cidBytes, pack, to); !done) return done;
      }
      // A block that was put here since can't be: the lock is ours.
      return writer_.removePack(pack);
    });
    if (!written) return written;
    ::unlink(packs_.path(pack).c_str());  // where it fails, the next sweep tries again
    return {};
  }

  Packs& packs_;
  Index& writer_;
  /// Held until the end: one without blocks yet would be taken for dead by another process.
  std::vector<PackAppender> targets_;
};

}  // namespace

Result<void> compactPacks(Packs& packs, Index& writer) {
  const auto rows = writer.packs();
  if (!rows) return std::unexpected(rows.error());
  Compaction compaction(packs, writer);
  for (const auto& row : *rows) {
    if (auto done = compaction.consider(row); !done) return done;
  }
  return {};
}

}  // namespace webpool::store
