#include "pool/join_limiter.h"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace webpool::pool {

void JoinLimiter::fill(Bucket& bucket, double perSecond, double burst, base::TimePoint now) {
  const std::chrono::duration<double> passed = now - bucket.filledAt;
  bucket.tokens = std::min(burst, bucket.tokens + std::max(0.0, passed.count()) * perSecond);
  bucket.filledAt = now;
}

bool JoinLimiter::take(std::string_view peer, base::TimePoint now) {
  if (!begun_) all_ = {limits_.allBurst, now};
  begun_ = true;
  fill(all_, limits_.allPerSecond, limits_.allBurst, now);
  const auto address = peer.substr(0, peer.rfind(':'));
  auto found = byAddress_.find(address);
  if (found == byAddress_.end()) {
    if (byAddress_.size() >= limits_.maxAddresses) forgetFull(now);
    if (byAddress_.size() >= limits_.maxAddresses) return false;
    found = byAddress_.emplace(std::string(address), Bucket{limits_.burst, now}).first;
  }
  auto& own = found->second;
  fill(own, limits_.perSecond, limits_.burst, now);
  if (own.tokens < 1 || all_.tokens < 1) return false;
  own.tokens -= 1;
  all_.tokens -= 1;
  return true;
}

void JoinLimiter::forgetFull(base::TimePoint now) {
  for (auto entry = byAddress_.begin(); entry != byAddress_.end();) {
    fill(entry->second, limits_.perSecond, limits_.burst, now);
    entry = entry->second.tokens >= limits_.burst ? byAddress_.erase(entry) : std::next(entry);
  }
}

}  // namespace webpool::pool
