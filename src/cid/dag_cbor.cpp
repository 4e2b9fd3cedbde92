#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <unordered_set>

#include <fmt/format.h>

#include "cid/dag_pb.h"
#include "cid/ipld.h"

namespace webpool::cid {
namespace {

enum Major : unsigned {
  kUnsigned = 0,
  kNegative = 1,
  kBytes = 2,
  kText = 3,
  kList = 4,
  kMap = 5,
  kTag = 6,
  kSimple = 7,
};

constexpr std::uint64_t kLinkTag = 42;
constexpr unsigned kFalse = 20, kTrue = 21, kNull = 22;
constexpr unsigned kHalf = 25, kSingle = 26, kDouble = 27;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCategory::Protocol, fmt::format("malformed DAG-CBOR block: {}", what));
}

/// IEEE 754 of half the width.
double halfToDouble(std::uint64_t bits) {
  const auto exponent = static_cast<int>(bits >> 10 & 0x1f);
  const auto mantissa = static_cast<double>(bits & 0x3ff);
  double value = 0;
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent == 31) {
    value = mantissa == 0 ? INFINITY : NAN;
  } else {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

struct Head {
  unsigned major = 0;
  unsigned info = 0;  ///< the five bits behind the major type
  std::uint64_t argument = 0;
};

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> rest) : rest_(rest) {}

  bool atEnd() const { return rest_.empty(); }

  Result<Ipld> value(unsigned depth) {
    if (depth > kMaxIpldDepth) return malformed("values nested too deeply");
    const auto head = takeHead();
    if (!head) return std::unexpected(head.error());
    switch (head->major) {
      case kUnsigned:
        if (head->argument > INT64_MAX) return Ipld{head->argument};
        return Ipld{static_cast<std::int64_t>(head->argument)};
      case kNegative:
        if (head->argument > INT64_MAX) return malformed("a number below 64 bits");
        return Ipld{-1 - static_cast<std::int64_t>(head->argument)};
      case kBytes:
      case kText:
        return takeText(*head);
      case kList:
        return takeList(head->argument, depth);
      case kMap:
        return takeMap(head->argument, depth);
      case kTag:
        return takeLink(head->argument);
      default:
        return takeSimple(*head);
    }
  }

 private:
  Result<Head> takeHead() {
    if (rest_.empty()) return malformed("cut off");
    const auto first = std::to_integer<unsigned>(rest_[0]);
    rest_ = rest_.subspan(1);
    Head head{first >> 5, first & 0x1f, first & 0x1f};
    if (head.info < 24) return head;
    if (head.info > 27) return malformed("an indefinite or unknown length");
    const std::size_t size = std::size_t{1} << (head.info - 24);
    if (rest_.size() < size) return malformed("cut off");
    head.argument = 0;
    for (const auto byte : rest_.first(size)) {
      head.argument = head.argument << 8 | std::to_integer<unsigned>(byte);
    }
    rest_ = rest_.subspan(size);
    constexpr std::uint64_t kLeast[] = {24, 0x100, 0x10000, 0x100000000};
    if (head.major != kSimple && head.argument < kLeast[head.info - 24]) {
      return malformed("a number that is not in its shortest form");
    }
    return head;
  }

  Result<std::string> takeBytes(std::uint64_t size) {
    if (size > rest_.size()) return malformed("cut off");
    const auto taken = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(taken.size());
    return std::string(reinterpret_cast<const char*>(taken.data()), taken.size());
  }

  Result<Ipld> takeText(const Head& head) {
    auto bytes = takeBytes(head.argument);
    if (!bytes) return std::unexpected(bytes.error());
    if (head.major == kText) return Ipld{std::move(*bytes)};
    return Ipld{IpldBytes{std::move(*bytes)}};
  }

  Result<Ipld> takeList(std::uint64_t count, unsigned depth) {
    // Each element has a byte at least, so that a length that lies costs no memory.
    if (count > rest_.size()) return malformed("cut off");
    IpldList list;
    for (std::uint64_t i = 0; i < count; ++i) {
      auto element = value(depth + 1);
      if (!element) return element;
      list.push_back(std::move(*element));
    }
    return Ipld{std::move(list)};
  }

  Result<Ipld> takeMap(std::uint64_t count, unsigned depth) {
    if (count > rest_.size() / 2) return malformed("cut off");
    IpldMap map;
    std::unordered_set<std::string> keys;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto head = takeHead();
      if (!head) return std::unexpected(head.error());
      if (head->major != kText) return malformed("a key that is no text");
      auto key = takeBytes(head->argument);
      if (!key) return std::unexpected(key.error());
      if (!keys.insert(*key).second) return malformed("a key that comes twice");
      auto element = value(depth + 1);
      if (!element) return element;
      map.emplace_back(std::move(*key), std::move(*element));
    }
    return Ipld{std::move(map)};
  }

  Result<Ipld> takeLink(std::uint64_t tag) {
    if (tag != kLinkTag) return malformed(fmt::format("tag {}", tag));
    const auto head = takeHead();
    if (!head) return std::unexpected(head.error());
    if (head->major != kBytes) return malformed("a link that is no bytes");
    const auto bytes = takeBytes(head->argument);
    if (!bytes) return std::unexpected(bytes.error());
    // The multibase prefix of plain binary, which is there for reasons of history.
    if (!bytes->starts_with('\0')) return malformed("a link without its prefix");
    auto cid = Cid::fromBytes(std::as_bytes(std::span(*bytes)).subspan(1));
    if (!cid) return std::unexpected(cid.error());
    return Ipld{std::move(*cid)};
  }

  static Result<Ipld> takeSimple(const Head& head) {
    double number = 0;
    switch (head.info) {
      case kFalse:
      case kTrue:
        return Ipld{head.info == kTrue};
      case kNull:
        return Ipld{};
      case kHalf:
        number = halfToDouble(head.argument);
        break;
      case kSingle:
        number = std::bit_cast<float>(static_cast<std::uint32_t>(head.argument));
        break;
      case kDouble:
        number = std::bit_cast<double>(head.argument);
        break;
      default:
        return malformed(fmt::format("simple value {}", head.argument));
    }
    if (!std::isfinite(number)) return malformed("a number that is none");
    return Ipld{number};
  }

  std::span<const std::byte> rest_;
};

void appendHead(std::string& out, unsigned major, std::uint64_t argument) {
  const auto first = static_cast<unsigned char>(major << 5);
  if (argument < 24) {
    out.push_back(static_cast<char>(first | argument));
    return;
  }
  const unsigned size = argument <= 0xff         ? 0
                        : argument <= 0xffff     ? 1
                        : argument <= 0xffffffff ? 2
                                                 : 3;
  out.push_back(static_cast<char>(first | (24 + size)));
  for (unsigned shift = 8u << size; shift > 0; shift -= 8) {
    out.push_back(static_cast<char>(argument >> (shift - 8) & 0xff));
  }
}

void append(std::string& out, const Ipld& value);

void appendMap(std::string& out, const IpldMap& map) {
  std::vector<const IpldEntry*> sorted;
  sorted.reserve(map.size());
  for (const auto& entry : map) sorted.push_back(&entry);
  std::ranges::sort(sorted, [](const auto* a, const auto* b) {
    if (a->key.size() != b->key.size()) return a->key.size() < b->key.size();
    return a->key < b->key;
  });
  appendHead(out, kMap, map.size());
  for (const auto* entry : sorted) {
    appendHead(out, kText, entry->key.size());
    out += entry->key;
    append(out, entry->value);
  }
}

struct Appender {
  std::string& out;

  void operator()(std::monostate) const { appendHead(out, kSimple, kNull); }
  void operator()(bool value) const { appendHead(out, kSimple, value ? kTrue : kFalse); }
  void operator()(std::int64_t value) const {
    if (value >= 0) {
      appendHead(out, kUnsigned, static_cast<std::uint64_t>(value));
    } else {
      appendHead(out, kNegative, static_cast<std::uint64_t>(-(value + 1)));
    }
  }
  void operator()(std::uint64_t value) const { appendHead(out, kUnsigned, value); }
  void operator()(double value) const {
    out.push_back(static_cast<char>(kSimple << 5 | kDouble));
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(bits >> shift));
  }
  void operator()(const std::string& value) const {
    appendHead(out, kText, value.size());
    out += value;
  }
  void operator()(const IpldBytes& value) const {
    appendHead(out, kBytes, value.bytes.size());
    out += value.bytes;
  }
  void operator()(const IpldList& value) const {
    appendHead(out, kList, value.size());
    for (const auto& element : value) append(out, element);
  }
  void operator()(const IpldMap& value) const { appendMap(out, value); }
  void operator()(const Cid& value) const {
    const auto bytes = value.bytes();
    appendHead(out, kTag, kLinkTag);
    appendHead(out, kBytes, bytes.size() + 1);
    out.push_back('\0');
    out += bytes;
  }
};

void append(std::string& out, const Ipld& value) {
  std::visit(Appender{out}, value.value);
}

}  // namespace

Result<Ipld> decodeDagCbor(std::span<const std::byte> block) {
  if (block.size() > kMaxBlock) return malformed("over the limit of a block");
  Decoder decoder(block);
  auto value = decoder.value(0);
  if (value && !decoder.atEnd()) return malformed("bytes behind the value");
  return value;
}

std::string encodeDagCbor(const Ipld& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace webpool::cid
