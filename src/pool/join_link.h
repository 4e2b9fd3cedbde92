// The key of a join link and how long it is good for. Many devices may use one link, so the key is
// a right to ask for a place, not a place: each device then gets a token of its own.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "webpool/error.h"

namespace webpool::pool {

/// A machine without a clock of its own; call it on one thread.
class JoinLink {
 public:
  /// `key`: 128 random bits in hex.
  JoinLink(std::string key, base::TimePoint expires) : key_(std::move(key)), expires_(expires) {}

  /// Unauthorized with words for a visitor: wrong, past its time, or taken back. A link of an
  /// earlier start is simply wrong; so all three say the same.
  Result<void> check(std::string_view key, base::TimePoint now) const;

  void revoke() noexcept { revoked_ = true; }
  bool isGood(base::TimePoint now) const noexcept { return !revoked_ && now < expires_; }

  const std::string& key() const noexcept { return key_; }
  base::TimePoint expires() const noexcept { return expires_; }

 private:
  std::string key_;
  base::TimePoint expires_;
  bool revoked_ = false;
};

}  // namespace webpool::pool
