#include "store/block_session.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cid/dag_pb.h"
#include "store/content_store.h"
#include "store/index.h"
#include "store/packs.h"
#include "store/staging.h"

namespace webpool::store {
namespace {

/// Bytes put after which a session flushes by itself: bounds memory and what a crash costs.
constexpr std::uint64_t kFlushStep = 64u << 20;

}  // namespace

struct BlockSession::State {
  struct Pending {
    cid::Cid cid;
    std::optional<PackedRow> place;
    /// Of a block that was there already. It may be collected until it is held.
    std::string block;
  };
  std::unique_ptr<StagingFolder> folder;  ///< its lock says that this session lives
  std::string holder;
  std::vector<PackAppender> packs;  ///< the last one takes more
  std::vector<Pending> pending;
  std::uint64_t pendingBytes = 0;
  std::unordered_set<std::string> seen;  ///< binary CIDs of this session

  Result<PackAppender*> pack(Packs& files, Index& index);
  Result<void> holdKnown(Packs& files, Index& index);
};

/// The pack that takes the next block.
Result<PackAppender*> BlockSession::State::pack(Packs& files, Index& index) {
  if (packs.empty() || packs.back().isFull()) {
    auto opened = PackAppender::open(files, index);
    if (!opened) return std::unexpected(opened.error());
    packs.push_back(std::move(*opened));
  }
  return &packs.back();
}

/// Holds the blocks that were there already; those that were collected since then are written.
Result<void> BlockSession::State::holdKnown(Packs& files, Index& index) {
  const auto isKnown = [](const Pending& one) { return !one.place; };
  if (std::ranges::none_of(pending, isKnown)) return {};
  std::vector<Pending*> gone;
  auto held = index.write([&]() -> Result<void> {
    for (auto& one : pending) {
      if (one.place) continue;
      const auto there = index.holds(one.cid);
      if (!there) return std::unexpected(there.error());
      if (!*there) gone.push_back(&one);
      if (auto done = index.addLease(holder, one.cid); !done) return done;
    }
    return {};
  });
  if (!held) return held;
  for (auto* one : gone) {
    auto into = pack(files, index);
    if (!into) return std::unexpected(into.error());
    auto place = (*into)->append(one->cid, std::as_bytes(std::span(one->block)));
    if (!place) return std::unexpected(place.error());
    one->place = *place;
  }
  return {};
}

BlockSession::BlockSession(ContentStore& store, std::unique_ptr<StagingFolder> folder)
    : store_(store), state_(std::make_unique<State>()) {
  state_->holder = folder->path().filename().native();
  state_->folder = std::move(folder);
}

BlockSession::~BlockSession() {
  if (state_->seen.empty()) return;
  // Where it fails, the next collection finds that the holder is dead.
  (void)store_.writer_->write([&] { return store_.writer_->removeLeases(state_->holder); });
}

Result<void> BlockSession::put(const cid::Cid& cid, std::span<const std::byte> block) {
  if (block.size() > cid::kMaxBlock) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("the block {} has {} bytes; no block has over {}", cid.text(),
                            block.size(), cid::kMaxBlock));
  }
  if (!cid.matches(block)) {
    return fail(ErrorCategory::Integrity,
                fmt::format("a block does not match its CID {}", cid.text()),
                "its source is damaged or lies; it was not stored");
  }
  if (cid.hash().function == cid::HashFunction::Identity) return {};  // it is its own CID
  auto key = cid.normalized().bytes();
  if (state_->seen.contains(key)) return {};
  State::Pending one{cid, std::nullopt, {}};
  // Also where it is right in a whole file: a damaged packed one beside it goes with the new one.
  if (store_.block(cid) && store_.packs_->find(*store_.writer_, cid)) {
    one.block.assign(reinterpret_cast<const char*>(block.data()), block.size());
  } else {
    auto pack = state_->pack(*store_.packs_, *store_.writer_);
    if (!pack) return std::unexpected(pack.error());
    auto place = (*pack)->append(cid, block);
    if (!place) return std::unexpected(place.error());
    one.place = *place;
  }
  state_->pending.push_back(std::move(one));
  state_->pendingBytes += block.size();
  state_->seen.insert(std::move(key));
  return state_->pendingBytes < kFlushStep ? Result<void>() : flush();
}

Result<void> BlockSession::flush() {
  if (state_->pending.empty()) return {};
  auto& index = *store_.writer_;
  if (auto held = state_->holdKnown(*store_.packs_, index); !held) return held;
  for (auto& pack : state_->packs) {
    if (auto flushed = pack.flush(); !flushed) return flushed;
  }
  auto written = index.write([&]() -> Result<void> {
    for (const auto& one : state_->pending) {
      if (!one.place) continue;
      if (auto held = index.addLease(state_->holder, one.cid); !held) return held;
      if (auto put = index.putPacked(one.cid, *one.place); !put) return put;
    }
    for (const auto& pack : state_->packs) {
      if (auto sized = index.setPackSize(pack.id(), pack.size()); !sized) return sized;
    }
    return {};
  });
  if (!written) return written;
  state_->pending.clear();
  state_->pendingBytes = 0;
  // Full packs are done with; the last one takes more.
  if (state_->packs.size() > 1) state_->packs.erase(state_->packs.begin(), state_->packs.end() - 1);
  return {};
}

Result<void> BlockSession::commit(const Pin& pin) {
  if (auto flushed = flush(); !flushed) return flushed;
  return store_.addPin(pin);
}

Result<std::unique_ptr<BlockSession>> ContentStore::beginBlocks() {
  auto folder = staging_->create();
  if (!folder) return std::unexpected(folder.error());
  return std::unique_ptr<BlockSession>(new BlockSession(*this, std::move(*folder)));
}

}  // namespace webpool::store
