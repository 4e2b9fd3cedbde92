// What to do with each answer while a file is fetched in as many attempts as it needs. Pure: time
// is passed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace webpool::sources {

/// Where the bytes of an answer go, when `have` bytes were there and were asked to be left out.
enum class Placement { Append, StartOver, Refuse };
/// 206 with a Content-Range that begins at `have` goes on; 200 and another range start over.
Placement placementOf(int status, std::string_view contentRange, std::uint64_t have,
                      std::uint64_t size);

/// A strong entity tag, which If-Range may be given; empty for none and for a weak one.
std::string_view strongTag(std::string_view etag);

/// Seconds of a Retry-After field; none where it has none or a date.
std::optional<base::Duration> retryAfter(std::string_view field);

struct RetryOptions {
  unsigned mostFailures = 5;    ///< one after another without a byte more
  unsigned mostAttempts = 100;  ///< of one file
  base::Duration first = std::chrono::milliseconds(500);
  base::Duration cap = std::chrono::seconds(20);
  base::Duration longestAsked = std::chrono::minutes(2);  ///< of Retry-After; more gives up
};

class RetryRule {
 public:
  explicit RetryRule(RetryOptions options = {}) : options_(options) {}

  /// After an attempt that failed and could succeed later: what to wait; none: give up.
  std::optional<base::Duration> failed(std::uint64_t newBytes,
                                       std::optional<base::Duration> asked = std::nullopt);

 private:
  RetryOptions options_;
  unsigned attempts_ = 0;
  unsigned failures_ = 0;
};

/// Statuses that a server gives for the moment: 408, 429, 500, 502, 503, 504.
bool isForTheMoment(int status);

}  // namespace webpool::sources
