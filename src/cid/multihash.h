// A hash that says which function made it.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "cid/sha256.h"
#include "webpool/error.h"

namespace webpool::cid {

enum class HashFunction : std::uint64_t {
  Identity = 0x00,  ///< the "digest" is the content itself, at most 128 bytes
  Sha256 = 0x12,
};

struct Multihash {
  HashFunction function = HashFunction::Sha256;
  std::string digest;  ///< raw bytes

  static Multihash of(const Digest& sha256);

  void appendTo(std::string& out) const;

  /// Takes one off the front. Unsupported names a hash function that webpool can't check; Protocol
  /// for lengths that lie.
  static Result<Multihash> take(std::span<const std::byte>& bytes);

  /// Whether `content` hashes to this.
  bool matches(std::span<const std::byte> content) const;

  auto operator<=>(const Multihash&) const = default;
};

}  // namespace webpool::cid
