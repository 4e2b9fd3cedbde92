#include "cid/car.h"

#include <fmt/format.h>

#include "cid/ipld.h"
#include "cid/varint.h"

namespace webpool::cid {
namespace {

constexpr std::size_t kMaxHeader = 1u << 20;
// Version, codec and hash function of nine bytes each, and a digest.
constexpr std::size_t kMaxCid = 256;
constexpr std::size_t kMaxVarint = 9;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("malformed CAR: {}", what));
}

std::span<const std::byte> asBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Result<std::vector<Cid>> rootsOf(const Ipld& header) {
  const auto* version = findIpld(header, "version");
  if (version == nullptr) return malformed("a header without a version");
  if (version->value != Ipld{std::int64_t{1}}.value) {
    const auto* number = std::get_if<std::int64_t>(&version->value);
    return fail(ErrorCategory::Unsupported,
                fmt::format("a CAR of version {} is not supported", number ? *number : -1),
                "write it as version 1");
  }
  const auto* roots = findIpld(header, "roots");
  const auto* list = roots ? std::get_if<IpldList>(&roots->value) : nullptr;
  if (list == nullptr) return malformed("a header without roots");
  std::vector<Cid> cids;
  for (const auto& root : *list) {
    const auto* cid = std::get_if<Cid>(&root.value);
    if (cid == nullptr) return malformed("a root that is no CID");
    cids.push_back(*cid);
  }
  return cids;
}

}  // namespace

void CarReader::push(std::span<const std::byte> piece) {
  if (failed_) return;
  buffer_.erase(0, taken_);
  taken_ = 0;
  buffer_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
}

Result<std::optional<std::span<const std::byte>>> CarReader::takeSection(std::size_t limit) {
  auto rest = asBytes(buffer_).subspan(taken_);
  if (rest.empty()) return std::nullopt;
  const auto length = takeVarint(rest);
  if (!length) {
    // The first bytes of a length that goes on in the next piece.
    if (rest.size() < kMaxVarint && (rest.back() & std::byte{0x80}) != std::byte{0}) {
      return std::nullopt;
    }
    return malformed(length.error().message);
  }
  if (*length == 0) return malformed("an empty section");
  if (*length > limit) {
    return malformed(fmt::format("a section of {} bytes, over the limit of {}", *length, limit));
  }
  if (*length > rest.size()) return std::nullopt;
  const auto section = rest.first(static_cast<std::size_t>(*length));
  taken_ = buffer_.size() - (rest.size() - section.size());
  return section;
}

Result<bool> CarReader::readHeader() {
  const auto section = takeSection(kMaxHeader);
  if (!section) return std::unexpected(section.error());
  if (!*section) return false;
  const auto header = decodeDagCbor(**section);
  if (!header) {
    // A root with a foreign codec or hash function is sound, as such a block is.
    if (header.error().category == ErrorCategory::Unsupported) {
      return std::unexpected(header.error());
    }
    return malformed(header.error().message);
  }
  auto roots = rootsOf(*header);
  if (!roots) return std::unexpected(roots.error());
  roots_ = std::move(*roots);
  hasHeader_ = true;
  return true;
}

Result<std::optional<CarBlock>> CarReader::readBlock() {
  std::span<const std::byte> rest;
  Result<Cid> cid = Cid();
  while (true) {
    const auto section = takeSection(kMaxBlock + kMaxCid);
    if (!section) return std::unexpected(section.error());
    if (!*section) return std::nullopt;
    rest = **section;
    cid = Cid::take(rest);
    if (cid) break;
    if (cid.error().category != ErrorCategory::Unsupported) return malformed(cid.error().message);
    if (foreign_ == Foreign::Refuse) return std::unexpected(cid.error());
    ++passedOver_;
  }
  if (rest.size() > kMaxBlock) {
    return malformed(
        fmt::format("a block of {} bytes, over the limit of {}", rest.size(), kMaxBlock));
  }
  if (!cid->matches(rest)) {
    return fail(ErrorCategory::Integrity,
                fmt::format("the CAR's block {} does not match its hash", cid->text()));
  }
  return CarBlock{std::move(*cid),
                  std::string(reinterpret_cast<const char*>(rest.data()), rest.size())};
}

Result<std::optional<CarBlock>> CarReader::next() {
  if (failed_) return std::unexpected(*failed_);
  if (!hasHeader_) {
    const auto read = readHeader();
    if (!read) failed_ = read.error();
    if (failed_) return std::unexpected(*failed_);
    if (!*read) return std::nullopt;
  }
  auto block = readBlock();
  if (!block) failed_ = block.error();
  return block;
}

Result<void> CarReader::finish() const {
  if (failed_) return std::unexpected(*failed_);
  if (!hasHeader_) return malformed("cut off before the end of its header");
  if (taken_ < buffer_.size()) return malformed("cut off inside a section");
  return {};
}

std::string carHeader(std::span<const Cid> roots) {
  IpldList list;
  for (const auto& root : roots) list.push_back({root});
  const auto header =
      encodeDagCbor({IpldMap{{"roots", {std::move(list)}}, {"version", {std::int64_t{1}}}}});
  std::string out;
  appendVarint(out, header.size());
  return out + header;
}

std::string carSectionHead(const Cid& cid, std::size_t blockSize) {
  const auto bytes = cid.bytes();
  std::string out;
  appendVarint(out, bytes.size() + blockSize);
  return out + bytes;
}

}  // namespace webpool::cid
