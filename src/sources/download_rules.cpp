#include "sources/download_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace webpool::sources {

Placement placementOf(int status, std::string_view contentRange, std::uint64_t have,
                      std::uint64_t size) {
  if (status == 200) return have == 0 ? Placement::Append : Placement::StartOver;
  if (status == 416) return Placement::StartOver;
  if (status != 206) return Placement::Refuse;
  return contentRange == fmt::format("bytes {}-{}/{}", have, size - 1, size) ? Placement::Append
                                                                             : Placement::StartOver;
}

std::string_view strongTag(std::string_view etag) {
  return etag.size() > 2 && etag.starts_with('"') && etag.ends_with('"') ? etag
                                                                         : std::string_view();
}

std::optional<base::Duration> retryAfter(std::string_view field) {
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), seconds);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

std::optional<base::Duration> RetryRule::failed(std::uint64_t newBytes,
                                                std::optional<base::Duration> asked) {
  if (newBytes > 0) failures_ = 0;
  if (++attempts_ >= options_.mostAttempts || ++failures_ >= options_.mostFailures) {
    return std::nullopt;
  }
  if (asked) return *asked > options_.longestAsked ? std::nullopt : asked;
  return std::min(options_.cap, options_.first * (1u << std::min(failures_ - 1, 16u)));
}

bool isForTheMoment(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

}  // namespace webpool::sources
