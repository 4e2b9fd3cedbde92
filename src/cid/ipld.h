// Values of the IPLD data model: what a DAG-CBOR or a DAG-JSON block holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cid/cid.h"
#include "webpool/error.h"

namespace webpool::cid {

struct Ipld;
struct IpldEntry;

using IpldList = std::vector<Ipld>;
/// In the order of the block.
using IpldMap = std::vector<IpldEntry>;

struct IpldBytes {
  std::string bytes;
  bool operator==(const IpldBytes&) const = default;
};

/// An unsigned number only where it is over INT64_MAX.
struct Ipld {
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, IpldBytes,
               IpldList, IpldMap, Cid>
      value;

  bool operator==(const Ipld&) const = default;
};

struct IpldEntry {
  std::string key;
  Ipld value;

  bool operator==(const IpldEntry&) const = default;
};

/// Deeper values are refused when read.
inline constexpr unsigned kMaxIpldDepth = 128;

/// What lies under that key of a map, or at that index ("0", "17") of a list; null where nothing
/// does.
const Ipld* findIpld(const Ipld& value, std::string_view segment);

/// Every link in the value, in the order of the block.
std::vector<Cid> linksOf(const Ipld& value);

/// One whole value. Read more widely than written: unsorted keys and floating-point numbers of any
/// width are taken. Protocol for what is no DAG-CBOR: cut off, bytes behind the value, lengths of
/// more than there is, indefinite lengths, numbers and lengths that are not in their shortest form,
/// tags other than 42, keys that are no text or come twice, NaN and infinities, over kMaxIpldDepth.
Result<Ipld> decodeDagCbor(std::span<const std::byte> block);

/// Canonical bytes: keys sorted by length, then bytewise.
std::string encodeDagCbor(const Ipld& value);

/// {"/": "CID"} is a link, {"/": {"bytes": "base 64"}} are bytes. Protocol as for DAG-CBOR; of
/// a key that comes twice the last holds. A number with a fraction may be read one unit in its last
/// place off.
Result<Ipld> decodeDagJson(std::span<const std::byte> block);

/// Canonical text: no blanks, keys sorted bytewise.
std::string encodeDagJson(const Ipld& value);

/// The value of a dag-cbor or dag-json block; Unsupported for other codecs.
Result<Ipld> decodeIpld(Codec codec, std::span<const std::byte> block);

}  // namespace webpool::cid
