#include "store/leaf_pipeline.h"

#include <algorithm>
#include <optional>

#include "cid/sha256_lanes.h"

namespace webpool::store {

LeafPipeline::LeafPipeline(Hashes hashes, LeafRecorder recorder, LeafSink sink)
    : wholeToo_(hashes == Hashes::LeavesAndWhole),
      apart_(wholeToo_ && cid::sha256LaneCount() == 1),
      recorder_(std::move(recorder)),
      sink_(std::move(sink)),
      zeros_(static_cast<std::size_t>(cid::kLeafSize)) {
  for (auto& slot : slots_) {
    slot.buffer.reset(new (kPage) std::byte[cid::kLeafSize]);
  }
  leafThread_ = std::thread([this] { wholeToo_ && !apart_ ? hashBoth() : hashLeaves(); });
  if (apart_) wholeThread_ = std::thread([this] { hashWhole(); });
  if (sink_) writeThread_ = std::thread([this] { writeLeaves(); });
}

LeafPipeline::~LeafPipeline() {
  stopThreads(true);
}

std::uint64_t LeafPipeline::slowest() const {
  auto slowest = leavesRead_;
  if (apart_) slowest = std::min(slowest, wholeRead_);
  if (sink_ && !failure_) slowest = std::min(slowest, written_);
  return slowest;
}

std::span<std::byte> LeafPipeline::slot() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return published_ - slowest() < kSlots; });
  return {slots_[published_ % kSlots].buffer.get(), static_cast<std::size_t>(cid::kLeafSize)};
}

void LeafPipeline::publish(std::size_t length, bool there) {
  const std::scoped_lock lock(mutex_);
  auto& slot = slots_[published_ % kSlots];
  slot.length = length;
  slot.zeros = false;
  slot.there = there;
  ++published_;
  changed_.notify_all();
}

void LeafPipeline::publishZeros() {
  slot();
  const std::scoped_lock lock(mutex_);
  slots_[published_ % kSlots].zeros = true;
  ++published_;
  changed_.notify_all();
}

std::uint64_t LeafPipeline::waitFor(std::uint64_t position, std::uint64_t wanted) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return published_ - position >= wanted || ended_; });
  return abandoned_ ? 0 : published_ - position;
}

std::span<const std::byte> LeafPipeline::contentOf(const Slot& slot) const {
  if (slot.zeros) return zeros_;
  return {slot.buffer.get(), slot.length};
}

void LeafPipeline::release(std::uint64_t& reader, std::uint64_t count) {
  const std::scoped_lock lock(mutex_);
  reader += count;
  changed_.notify_all();
}

void LeafPipeline::hashLeaves() {
  const std::uint64_t lanes = cid::sha256LaneCount();
  std::vector<cid::Digest> leaves;
  std::optional<cid::Digest> zeroLeaf;  // a hole costs one hash, however many leaves it has
  std::vector<std::span<const std::byte>> batch;
  std::vector<std::size_t> targets;  // which leaf each message of the batch is
  std::vector<cid::Digest> digests;
  std::uint64_t position = 0;
  while (const auto ready = waitFor(position, lanes)) {
    const auto count = std::min(ready, lanes);
    batch.clear();
    targets.clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto& slot = at(position + i);
      if (slot.zeros) {
        if (!zeroLeaf) zeroLeaf = cid::sha256(zeros_);
        leaves.push_back(*zeroLeaf);
      } else {
        batch.push_back(contentOf(slot));
        targets.push_back(leaves.size());
        leaves.emplace_back();
      }
    }
    digests.resize(batch.size());
    cid::sha256Each(batch, digests);
    for (std::size_t i = 0; i < digests.size(); ++i) leaves[targets[i]] = digests[i];
    if (recorder_ && waitUntilWritten(position + count))
      recorder_(std::span<const cid::Digest>(leaves).last(count));
    position += count;
    release(leavesRead_, count);
  }
  if (leaves.empty()) leaves.push_back(cid::sha256({}));
  digests_.leaves = std::move(leaves);
}

void LeafPipeline::hashWhole() {
  cid::Sha256 hash;
  for (std::uint64_t position = 0; waitFor(position, 1) > 0; ++position) {
    hash.update(contentOf(at(position)));
    release(wholeRead_, 1);
  }
  digests_.whole = hash.finish();
}

void LeafPipeline::hashBoth() {
  // What is written lags behind what is hashed, which does not wait for it.
  constexpr std::uint64_t kRecordedTogether = 4;
  cid::LeavesAndWholeHash hash;
  std::vector<cid::Digest> leaves;
  std::uint64_t recorded = 0;
  const auto record = [&](std::uint64_t end) {
    recorder_(std::span<const cid::Digest>(leaves).subspan(recorded, end - recorded));
    recorded = end;
  };
  while (waitFor(leaves.size(), 1) > 0) {
    leaves.push_back(hash.add(contentOf(at(leaves.size()))));
    release(leavesRead_, 1);
    if (!recorder_) continue;
    const auto end = writtenBefore(leaves.size());
    if (end >= recorded + kRecordedTogether) record(end);
  }
  if (recorder_ && recorded < leaves.size()) {
    waitUntilWritten(leaves.size());
    if (const auto end = writtenBefore(leaves.size()); end > recorded) record(end);
  }
  if (leaves.empty()) leaves.push_back(hash.add({}));
  digests_.whole = hash.finish();
  digests_.leaves = std::move(leaves);
}

void LeafPipeline::writeLeaves() {
  for (std::uint64_t position = 0; waitFor(position, 1) > 0; ++position) {
    const auto& slot = at(position);
    if (!slot.zeros && !slot.there) {
      if (auto written = sink_(contentOf(slot), position * cid::kLeafSize); !written) {
        const std::scoped_lock lock(mutex_);
        failure_ = std::move(written.error());
        changed_.notify_all();
        return;
      }
    }
    release(written_, 1);
  }
}

bool LeafPipeline::waitUntilWritten(std::uint64_t position) {
  if (!sink_) return true;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return written_ >= position || failure_ || abandoned_; });
  return written_ >= position;
}

std::uint64_t LeafPipeline::writtenBefore(std::uint64_t position) const {
  if (!sink_) return position;
  const std::scoped_lock lock(mutex_);
  return std::min(written_, position);
}

bool LeafPipeline::failed() const {
  const std::scoped_lock lock(mutex_);
  return failure_.has_value();
}

void LeafPipeline::stopThreads(bool abandon) {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    abandoned_ = abandoned_ || abandon;
    changed_.notify_all();
  }
  if (leafThread_.joinable()) leafThread_.join();
  if (wholeThread_.joinable()) wholeThread_.join();
  if (writeThread_.joinable()) writeThread_.join();
}

Result<LeafPipeline::Digests> LeafPipeline::finish() {
  stopThreads(false);
  if (failure_) return std::unexpected(std::move(*failure_));
  return std::move(digests_);
}

}  // namespace webpool::store
