#include "cid/multihash.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "cid/varint.h"

namespace webpool::cid {
namespace {

constexpr std::size_t kMaxIdentity = 128;

std::string functionName(std::uint64_t code) {
  static constexpr std::array kNames{
      std::pair<std::uint64_t, std::string_view>{0x11, "sha1"},
      std::pair<std::uint64_t, std::string_view>{0x13, "sha2-512"},
      std::pair<std::uint64_t, std::string_view>{0x14, "sha3-512"},
      std::pair<std::uint64_t, std::string_view>{0x16, "sha3-256"},
      std::pair<std::uint64_t, std::string_view>{0x1b, "keccak-256"},
      std::pair<std::uint64_t, std::string_view>{0x1e, "blake3"},
      std::pair<std::uint64_t, std::string_view>{0x56, "dbl-sha2-256"},
      std::pair<std::uint64_t, std::string_view>{0xb220, "blake2b-256"},
      std::pair<std::uint64_t, std::string_view>{0xb260, "blake2s-256"},
  };
  for (const auto& [known, name] : kNames) {
    if (known == code) return std::string(name);
  }
  return fmt::format("hash function 0x{:x}", code);
}

std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Multihash Multihash::of(const Digest& sha256) {
  return {HashFunction::Sha256, std::string(asText(sha256))};
}

void Multihash::appendTo(std::string& out) const {
  appendVarint(out, std::to_underlying(function));
  appendVarint(out, digest.size());
  out += digest;
}

Result<Multihash> Multihash::take(std::span<const std::byte>& bytes) {
  auto rest = bytes;
  const auto code = takeVarint(rest);
  if (!code) return std::unexpected(code.error());
  const auto length = takeVarint(rest);
  if (!length) return std::unexpected(length.error());
  if (*code != std::to_underlying(HashFunction::Identity) &&
      *code != std::to_underlying(HashFunction::Sha256)) {
    return fail(ErrorCategory::Unsupported, functionName(*code) + " is not supported in a CID",
                "use a CID made with sha2-256");
  }
  const auto function = static_cast<HashFunction>(*code);
  if (*length > rest.size()) return fail(ErrorCategory::Protocol, "a multihash is cut off");
  if (function == HashFunction::Sha256 && *length != std::tuple_size_v<Digest>) {
    return fail(ErrorCategory::Protocol,
                fmt::format("a sha2-256 digest has 32 bytes, this one {}", *length));
  }
  if (function == HashFunction::Identity && *length > kMaxIdentity) {
    return fail(ErrorCategory::Protocol,
                fmt::format("an identity hash of {} bytes is over {}", *length, kMaxIdentity));
  }
  const auto size = static_cast<std::size_t>(*length);
  Multihash hash{function, std::string(asText(rest.first(size)))};
  bytes = rest.subspan(size);
  return hash;
}

bool Multihash::matches(std::span<const std::byte> content) const {
  if (function == HashFunction::Identity) return digest == asText(content);
  const auto actual = sha256(content);
  return digest == asText(actual);
}

}  // namespace webpool::cid
