// A content identifier: the name of bytes that no server can change.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "cid/multihash.h"
#include "webpool/error.h"

namespace webpool::cid {

enum class Codec : std::uint64_t {
  Cbor = 0x51,
  Raw = 0x55,
  DagPb = 0x70,
  DagCbor = 0x71,
  DagJson = 0x0129,
  Json = 0x0200,
};

/// "raw", "dag-pb", "dag-cbor", …: the names of the multicodec table.
std::string_view codecName(Codec codec) noexcept;

/// Immutable value. Two CIDs are equal when version, codec and hash are; `normalized()` makes the
/// two versions of a dag-pb CID comparable. A default-constructed Cid names the empty raw block
/// (identity hash).
class Cid {
 public:
  Cid() = default;
  Cid(Codec codec, Multihash hash) : codec_(codec), hash_(std::move(hash)) {}
  Cid(Codec codec, const Digest& sha256) : Cid(codec, Multihash::of(sha256)) {}

  /// The CIDv1 of a block.
  static Cid of(Codec codec, std::span<const std::byte> block);

  /// Text: CIDv0 ("Qm…") or CIDv1 in any Base. InvalidArgument names what is wrong,
  /// Unsupported names a codec or hash function that webpool does not read.
  static Result<Cid> parse(std::string_view text);

  /// Binary, all of it.
  static Result<Cid> fromBytes(std::span<const std::byte> bytes);

  /// Binary, off the front of `bytes`.
  static Result<Cid> take(std::span<const std::byte>& bytes);

  unsigned version() const noexcept { return version_; }
  Codec codec() const noexcept { return codec_; }
  const Multihash& hash() const noexcept { return hash_; }

  /// An identity CID carries its block in itself: it is never stored and never sent.
  bool isIdentity() const noexcept { return hash_.function == HashFunction::Identity; }

  /// Base32 for version 1, base58 for version 0.
  std::string text() const;
  std::string bytes() const;
  std::size_t byteSize() const;
  /// The same content as version 1.
  Cid normalized() const;
  bool matches(std::span<const std::byte> block) const { return hash_.matches(block); }

  auto operator<=>(const Cid&) const = default;

 private:
  unsigned version_ = 1;
  Codec codec_ = Codec::Raw;
  Multihash hash_{HashFunction::Identity, {}};
};

}  // namespace webpool::cid

template <>
struct std::hash<webpool::cid::Cid> {
  std::size_t operator()(const webpool::cid::Cid& cid) const noexcept {
    return std::hash<std::string>()(cid.hash().digest) ^ static_cast<std::size_t>(cid.codec());
  }
};
