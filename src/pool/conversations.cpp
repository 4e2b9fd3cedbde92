#include "pool/conversations.h"

namespace webpool::pool {

void Conversations::served(const std::string& conversation, std::uint64_t page) {
  if (conversation.empty()) return;
  auto& served = pages_[conversation];
  byTime_.erase(served.at);
  served = {page, ++clock_};
  byTime_[served.at] = conversation;
  if (pages_.size() <= most_) return;
  const auto oldest = byTime_.begin();
  pages_.erase(oldest->second);
  byTime_.erase(oldest);
}

std::uint64_t Conversations::find(const std::string& conversation) const {
  const auto found = pages_.find(conversation);
  return found == pages_.end() ? 0 : found->second.page;
}

}  // namespace webpool::pool
