#include "api/byte_range.h"

#include <algorithm>
#include <charconv>

#include "net/http_types.h"

namespace webpool::api {
namespace {

/// More than 64 bits count as the most that they hold: no content is that long.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return UINT64_MAX;
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// WholeBody: it is malformed.
std::variant<WholeBody, ByteRange, UnsatisfiableRange> oneRange(std::string_view text,
                                                                std::uint64_t size) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return WholeBody{};
  const auto first = text.substr(0, dash);
  const auto last = text.substr(dash + 1);
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

}  // namespace

std::variant<WholeBody, ByteRange, UnsatisfiableRange> parseRange(std::string_view header,
                                                                  std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!net::equalIgnoringCase(header.substr(0, kUnit.size()), kUnit)) return WholeBody{};
  header.remove_prefix(kUnit.size());
  std::variant<WholeBody, ByteRange, UnsatisfiableRange> answer = WholeBody{};
  while (!header.empty()) {
    const auto text = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), text.size() + 1));
    if (trimmed(text).empty()) continue;
    const auto range = oneRange(trimmed(text), size);
    if (std::holds_alternative<WholeBody>(range)) return range;
    // The first of several that can be met: a server may send fewer than were asked for.
    if (!std::holds_alternative<ByteRange>(answer)) answer = range;
  }
  return answer;
}

bool ifRangeHolds(std::string_view ifRange, std::string_view etag) {
  return ifRange.empty() || (ifRange == etag && !etag.starts_with("W/"));
}

}  // namespace webpool::api
