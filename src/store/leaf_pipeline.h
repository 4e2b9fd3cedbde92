// A ring of 1 MiB buffers between one thread that fills them and up to three that take them: one
// hashes leaf by leaf, one the whole stream, one writes. All work at the same time. Where the
// processor has SHA instructions, one thread hashes both ways in one pass.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "cid/sha256.h"
#include "cid/tree.h"
#include "webpool/error.h"

namespace webpool::store {

/// Takes the digests of leaves as they are made, in order, on the thread that makes them.
using LeafRecorder = std::function<void(std::span<const cid::Digest>)>;

/// Writes a leaf, in order, on a thread of the pipeline's own.
using LeafSink = std::function<Result<void>(std::span<const std::byte> leaf, std::uint64_t offset)>;

/// The filling thread calls slot() and publish() in turn, then finish(). Destroying it early drops
/// what was published and ends the threads.
class LeafPipeline {
 public:
  enum class Hashes { LeavesOnly, LeavesAndWhole };

  /// `recorder` is told of leaves that `sink`, where there is one, has written.
  explicit LeafPipeline(Hashes hashes, LeafRecorder recorder = {}, LeafSink sink = {});
  ~LeafPipeline();

  /// The buffer for the next leaf, at a page boundary; waits until all readers have left it.
  std::span<std::byte> slot();

  /// Hands on the first `length` bytes of that buffer as a leaf. `there`: it needn't be written.
  void publish(std::size_t length, bool there);

  /// Hands on a whole leaf of zero bytes without touching the buffer; it is not written.
  void publishZeros();

  struct Digests {
    std::vector<cid::Digest> leaves;
    cid::Digest whole{};
  };
  /// Whether a leaf could not be written: finish() says why.
  bool failed() const;

  /// Waits until all is hashed and written. An empty stream has one empty leaf.
  Result<Digests> finish();

 private:
  static constexpr std::size_t kSlots = 16;
  static constexpr std::align_val_t kPage{4096};
  struct FreePages {
    void operator()(std::byte* pages) const { ::operator delete[](pages, kPage); }
  };
  struct Slot {
    std::unique_ptr<std::byte[], FreePages> buffer;
    std::size_t length = 0;
    bool zeros = false;
    bool there = false;
  };

  void hashLeaves();
  void hashWhole();
  void hashBoth();
  void writeLeaves();
  /// Whether all slots before `position` are written.
  bool waitUntilWritten(std::uint64_t position);
  /// How many slots before `position` are written: all where there is no sink.
  std::uint64_t writtenBefore(std::uint64_t position) const;
  /// How many slots from `position` on are published, after waiting for `wanted` of them or the
  /// end.
  std::uint64_t waitFor(std::uint64_t position, std::uint64_t wanted);
  const Slot& at(std::uint64_t position) const { return slots_[position % kSlots]; }
  std::span<const std::byte> contentOf(const Slot& slot) const;
  void release(std::uint64_t& reader, std::uint64_t count);
  std::uint64_t slowest() const;
  void stopThreads(bool abandon);

  const bool wholeToo_;
  const bool apart_;  ///< the whole is hashed on a thread of its own
  const LeafRecorder recorder_;
  const LeafSink sink_;
  std::array<Slot, kSlots> slots_;
  std::vector<std::byte> zeros_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t published_ = 0;
  std::uint64_t leavesRead_ = 0;
  std::uint64_t wholeRead_ = 0;
  std::uint64_t written_ = 0;
  std::optional<Error> failure_;
  bool ended_ = false;
  bool abandoned_ = false;
  Digests digests_;
  std::thread leafThread_;
  std::thread wholeThread_;
  std::thread writeThread_;
};

}  // namespace webpool::store
