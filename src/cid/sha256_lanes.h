// Several SHA-256 at once on one core: the processor's SHA instructions have a long latency, so two
// to four independent messages take hardly longer than one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cid/sha256.h"

namespace webpool::cid {

/// How many messages are worth hashing together on this processor; 1 without SHA instructions.
std::size_t sha256LaneCount() noexcept;

/// The digest of each message, in order. Fast where sha256LaneCount() neighbours have one length;
/// right for all. `digests` has as many elements as `messages`.
void sha256Each(std::span<const std::span<const std::byte>> messages, std::span<Digest> digests);

/// The digest of each leaf of a stream, and that of the whole stream, in one pass. With SHA
/// instructions both together take hardly longer than one: they go through the same words, and
/// either waits for its own last round only. Without, it hashes twice.
class LeavesAndWholeHash {
 public:
  LeavesAndWholeHash();

  /// The digest of the next leaf. Each but the last one has a multiple of 64 bytes.
  Digest add(std::span<const std::byte> leaf);

  /// That of all leaves, in order. Once, and nothing is added after.
  Digest finish();

 private:
  std::array<std::uint32_t, 8> whole_{};  ///< the state, in the order of the instructions
  std::array<std::byte, 64> rest_{};      ///< what of the last leaf fills no block
  std::uint64_t size_ = 0;
  Sha256 slow_{};  ///< of the whole, where there are no SHA instructions
};

}  // namespace webpool::cid
