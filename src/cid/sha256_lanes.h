// Several SHA-256 at once on one core: the processor's SHA instructions have a long latency, so two
// to four independent messages take hardly longer than one.
#pragma once

#include <cstddef>
#include <span>

#include "cid/sha256.h"

namespace webpool::cid {

/// How many messages are worth hashing together on this processor; 1 without SHA instructions.
std::size_t sha256LaneCount() noexcept;

/// The digest of each message, in order. Fast where sha256LaneCount() neighbours have one length;
/// right for all. `digests` has as many elements as `messages`.
void sha256Each(std::span<const std::span<const std::byte>> messages, std::span<Digest> digests);

}  // namespace webpool::cid
