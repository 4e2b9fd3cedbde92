// The Range header of HTTP (RFC 9110, section 14), for one range of bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace webpool::api {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const ByteRange&) const = default;
};

struct WholeBody {
  bool operator==(const WholeBody&) const = default;
};
struct UnsatisfiableRange {
  bool operator==(const UnsatisfiableRange&) const = default;
};

/// What to send of a body of `size` bytes. A header that is empty, malformed or of another unit
/// asks for the whole body, one of several ranges for the first of them that can be met, as the
/// standard allows.
std::variant<WholeBody, ByteRange, UnsatisfiableRange> parseRange(std::string_view header,
                                                                  std::uint64_t size);

/// Whether an If-Range field (RFC 9110, section 13.1.5) lets the Range be used: true when it is
/// absent (empty) or is our own strong entity tag. A weak tag never matches; nor does a date, since
/// content of this kind has none.
bool ifRangeHolds(std::string_view ifRange, std::string_view etag);

}  // namespace webpool::api
