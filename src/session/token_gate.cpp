#include "session/token_gate.h"

#include <algorithm>
#include <utility>

#include "wire/utf8.h"

namespace webpool::session {

bool equalInConstantTime(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

void TokenGate::issue(std::string token, std::string session) {
  tickets_.push_back({std::move(token), std::move(session), false});
}

void TokenGate::revoke(std::string_view session) {
  std::erase_if(tickets_, [&](const Ticket& ticket) { return ticket.session == session; });
}

void TokenGate::channelOpened(ChannelId channel, base::TimePoint now) {
  if (pending_.size() >= options_.maxPending) {
    actions_.push_back(
        CloseChannel{channel, CloseCode::Unauthorized, "too many connections that say nothing"});
    return;
  }
  pending_.emplace(channel, now + options_.helloTimeout);
}

void TokenGate::frameReceived(ChannelId channel, const Bytes& frame) {
  if (pending_.erase(channel) == 0) return;
  if (frame.size() > options_.maxHelloSize) {
    return refuse(channel, CloseCode::TooLarge, "the first frame is too large");
  }
  auto message = wire::decodePageMessage(frame);
  if (!message) return refuse(channel, CloseCode::Protocol, message.error().message);
  auto* hello = *message ? std::get_if<wire::Hello>(&**message) : nullptr;
  if (!hello) {
    return refuse(channel, CloseCode::Protocol, "bad_answer: the first frame is no hello");
  }
  auto* ticket = findTicket(hello->token);
  const bool allowed = ticket && (ticket->used ? equalInConstantTime(hello->resume, ticket->session)
                                               : hello->resume.empty() && hello->known.empty());
  if (!allowed) return refuse(channel, CloseCode::Unauthorized, "wrong or used token");
  ticket->used = true;
  actions_.push_back(Admit{channel, ticket->session, std::move(*hello)});
}

void TokenGate::channelClosed(ChannelId channel) {
  pending_.erase(channel);
}

void TokenGate::tick(base::TimePoint now) {
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    if (now < entry->second) {
      ++entry;
      continue;
    }
    refuse(entry->first, CloseCode::Protocol, "bad_answer: no hello in time");
    entry = pending_.erase(entry);
  }
}

std::vector<GateAction> TokenGate::takeActions() {
  return std::exchange(actions_, {});
}

std::optional<base::TimePoint> TokenGate::nextDeadline() const {
  const auto first =
      std::ranges::min_element(pending_, {}, [](const auto& entry) { return entry.second; });
  return first == pending_.end() ? std::nullopt : std::optional(first->second);
}

TokenGate::Ticket* TokenGate::findTicket(std::string_view token) {
  Ticket* found = nullptr;
  for (auto& ticket : tickets_) {  // all of them, so that the time tells nothing
    if (equalInConstantTime(ticket.token, token)) found = &ticket;
  }
  return found;
}

void TokenGate::refuse(ChannelId channel, CloseCode code, std::string_view reason) {
  constexpr std::size_t kMaxCloseReason = 123;
  actions_.push_back(
      CloseChannel{channel, code, std::string(wire::cutUtf8(reason, kMaxCloseReason))});
}

}  // namespace webpool::session
