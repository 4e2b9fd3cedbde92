#include "cid/cid.h"

#include <utility>

#include <fmt/format.h>

#include "cid/multibase.h"
#include "cid/varint.h"

namespace webpool::cid {
namespace {

constexpr std::size_t kV0Text = 46;

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// Codecs that a block of ours can't have, by their names.
std::string foreignCodecName(std::uint64_t code) {
  switch (code) {
    case 0x72:
      return "libp2p-key";
    case 0x78:
      return "git-raw";
    case 0x90:
      return "eth-block";
    case 0x0202:
      return "car";
    default:
      return fmt::format("codec 0x{:x}", code);
  }
}

bool isKnown(std::uint64_t code) {
  switch (static_cast<Codec>(code)) {
    case Codec::Cbor:
    case Codec::Raw:
    case Codec::DagPb:
    case Codec::DagCbor:
    case Codec::DagJson:
    case Codec::Json:
      return true;
  }
  return false;
}

/// Wraps a failure to read binary as a failure of the text that held it.
std::unexpected<Error> badText(std::string_view text, const Error& cause) {
  const auto category = cause.category == ErrorCategory::Unsupported
                            ? ErrorCategory::Unsupported
                            : ErrorCategory::InvalidArgument;
  return fail(category,
              fmt::format("\"{}\" is no usable CID: {}", text.substr(0, 120), cause.message),
              cause.hint.empty() ? "check that the CID is complete" : cause.hint);
}

}  // namespace

std::string_view codecName(Codec codec) noexcept {
  switch (codec) {
    case Codec::Cbor:
      return "cbor";
    case Codec::Raw:
      return "raw";
    case Codec::DagPb:
      return "dag-pb";
    case Codec::DagCbor:
      return "dag-cbor";
    case Codec::DagJson:
      return "dag-json";
    case Codec::Json:
      return "json";
  }
  return "unknown";
}

Cid Cid::of(Codec codec, std::span<const std::byte> block) {
  return {codec, sha256(block)};
}

Result<Cid> Cid::parse(std::string_view text) {
  const bool isV0 = text.size() == kV0Text && text.starts_with("Qm");
  const auto decoded = isV0 ? decodeBase58(text) : decodeMultibase(text);
  if (!decoded) return badText(text, decoded.error());
  auto cid = fromBytes(asBytes(*decoded));
  if (!cid) return badText(text, cid.error());
  if (!isV0 && cid->version() == 0) {
    return badText(text, {ErrorCategory::InvalidArgument,
                          "a version 0 CID is written without a multibase prefix", ""});
  }
  return cid;
}

Result<Cid> Cid::fromBytes(std::span<const std::byte> bytes) {
  auto cid = take(bytes);
  if (cid && !bytes.empty()) return fail(ErrorCategory::Protocol, "a CID has bytes after its end");
  return cid;
}

Result<Cid> Cid::take(std::span<const std::byte>& bytes) {
  // Version 0 is a bare sha2-256 multihash.
  if (bytes.size() >= 2 && bytes[0] == std::byte{0x12} && bytes[1] == std::byte{0x20}) {
    auto hash = Multihash::take(bytes);
    if (!hash) return std::unexpected(hash.error());
    Cid cid(Codec::DagPb, std::move(*hash));
    cid.version_ = 0;
    return cid;
  }
  const auto version = takeVarint(bytes);
  if (!version) return std::unexpected(version.error());
  if (*version != 1) {
    return fail(ErrorCategory::Unsupported,
                fmt::format("CID version {} is not supported", *version));
  }
  const auto codec = takeVarint(bytes);
  if (!codec) return std::unexpected(codec.error());
  auto hash = Multihash::take(bytes);
  if (!hash) return std::unexpected(hash.error());
  if (!isKnown(*codec)) {
    return fail(ErrorCategory::Unsupported, foreignCodecName(*codec) + " content is not supported",
                "use a CID of raw, dag-pb, dag-cbor, dag-json, cbor or json content");
  }
  return Cid(static_cast<Codec>(*codec), std::move(*hash));
}

std::string Cid::text() const {
  const auto binary = bytes();
  return version_ == 0 ? encodeBase58(asBytes(binary))
                       : encodeMultibase(Base::Base32, asBytes(binary));
}

std::string Cid::bytes() const {
  std::string out;
  if (version_ != 0) {
    appendVarint(out, version_);
    appendVarint(out, std::to_underlying(codec_));
  }
  hash_.appendTo(out);
  return out;
}

std::size_t Cid::byteSize() const {
  const auto head =
      version_ == 0 ? 0 : varintSize(version_) + varintSize(std::to_underlying(codec_));
  return head + varintSize(std::to_underlying(hash_.function)) + varintSize(hash_.digest.size()) +
         hash_.digest.size();
}

Cid Cid::normalized() const {
  return {codec_, hash_};
}

}  // namespace webpool::cid
