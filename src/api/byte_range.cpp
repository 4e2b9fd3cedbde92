#include "api/byte_range.h"

#include <algorithm>
#include <charconv>

namespace webpool::api {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::variant<WholeBody, ByteRange, UnsatisfiableRange> parseRange(std::string_view header,
                                                                  std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return WholeBody{};
  header.remove_prefix(kUnit.size());
  // The first of several ranges: a server may send fewer than were asked for.
  header = header.substr(0, header.find(','));
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return WholeBody{};
  const auto first = header.substr(0, dash);
  const auto last = header.substr(dash + 1);
  if (first.empty()) {
    const auto suffix = number(last);
    if (!suffix) return WholeBody{};
    if (*suffix == 0 || size == 0) return UnsatisfiableRange{};
    const auto length = std::min(*suffix, size);
    return ByteRange{size - length, length};
  }
  const auto from = number(first);
  const auto to = last.empty() ? std::optional(UINT64_MAX) : number(last);
  if (!from || !to || *to < *from) return WholeBody{};
  if (*from >= size) return UnsatisfiableRange{};
  return ByteRange{*from, std::min(*to, size - 1) - *from + 1};
}

bool ifRangeHolds(std::string_view ifRange, std::string_view etag) {
  return ifRange.empty() || (ifRange == etag && !etag.starts_with("W/"));
}

}  // namespace webpool::api
