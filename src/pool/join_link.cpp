#include "pool/join_link.h"

#include "session/token_gate.h"

namespace webpool::pool {

Result<void> JoinLink::check(std::string_view key, base::TimePoint now) const {
  if (session::equalInConstantTime(key, key_) && isGood(now)) return {};
  return fail(ErrorCategory::Unauthorized, "the link is stale",
              "ask whoever sent you the link for a new one");
}

}  // namespace webpool::pool
