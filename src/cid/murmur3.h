// The hash that spreads a sharded folder's names over its shards.
#pragma once

#include <cstdint>
#include <string_view>

namespace webpool::cid {

/// The first 64 bits of MurmurHash3 x64 128 with seed 0. No cryptographic hash.
std::uint64_t murmur3(std::string_view bytes) noexcept;

}  // namespace webpool::cid
