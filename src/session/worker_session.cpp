#include "session/worker_session.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "session/answer_check.h"
#include "wire/frame.h"
#include "wire/json_header.h"
#include "wire/utf8.h"

namespace webpool::session {
namespace {

constexpr int kMissesAllowed = 3;
constexpr std::size_t kConfirmAtOnce = 256;

Error lost(std::string message) {
  return {ErrorCategory::WorkerLost, std::move(message),
          "the same call can succeed on another worker or after a new start"};
}

Error cancelled() {
  return {ErrorCategory::Cancelled, "the request was cancelled", ""};
}

/// A close after which the page does not come back.
bool isFinal(std::uint16_t code) {
  constexpr std::uint16_t kGoingAway = 1001;
  switch (static_cast<CloseCode>(code)) {
    case CloseCode::Normal:
    case CloseCode::Protocol:
    case CloseCode::Unauthorized:
    case CloseCode::HeartbeatLost:
    case CloseCode::TooLarge:
      return true;
    case CloseCode::Replaced:
      return false;
  }
  return code == kGoingAway;
}

bool isCancellable(const wire::PoolMessage& request) {
  return std::holds_alternative<wire::Run>(request) || std::holds_alternative<wire::Load>(request);
}

}  // namespace

WorkerSession::WorkerSession(SessionOptions options, TimePoint now)
    : options_(std::move(options)), stateDeadline_(now + options_.connectTimeout) {}

void WorkerSession::connected(ChannelId channel, const wire::Hello& hello, TimePoint now) {
  const bool first = state_ == State::Waiting;
  if (state_ == State::Ended || first != hello.resume.empty() ||
      (!first && hello.resume != options_.id)) {
    actions_.push_back(CloseChannel{channel, CloseCode::Unauthorized, "no such session"});
    return;
  }
  if (state_ == State::Connected) dropChannel(CloseCode::Replaced, "a newer connection took over");
  state_ = State::Connected;
  channel_ = channel;
  stateDeadline_ = now + options_.heartbeat;
  unansweredPings_ = 0;
  actions_.push_back(Ready{hello.capabilities, hello.pageVersion, !first});
  resume(hello.known);
}

void WorkerSession::resume(const std::vector<RequestId>& knownIds) {
  const std::set<RequestId> known(knownIds.begin(), knownIds.end());
  if (!known.empty() && *known.rbegin() >= nextId_) {
    return protocolFailure(wire::fault("bad_answer", "hello.known has an id that was never given"));
  }
  for (auto entry = open_.begin(); entry != open_.end();) {
    const auto current = entry++;
    if (current->second.cancelDeadline && !known.contains(current->first)) {
      finish(current, cancelled());  // the page never got it
    }
  }
  using std::chrono::duration_cast, std::chrono::milliseconds;
  wire::Welcome welcome;
  welcome.session = options_.id;
  welcome.heartbeatMs =
      static_cast<std::uint64_t>(duration_cast<milliseconds>(options_.heartbeat).count());
  welcome.graceMs = static_cast<std::uint64_t>(duration_cast<milliseconds>(options_.grace).count());
  welcome.maxFrameSize = options_.limits.maxFrame;
  for (const auto& [id, open] : open_) welcome.open.push_back(id);
  unconfirmed_.clear();  // welcome.open says it
  if (auto sent = send(welcome); !sent) return abandon(sent.error());

  for (auto entry = open_.begin(); entry != open_.end();) {
    const auto current = entry++;
    if (!known.contains(current->first)) {
      sendOpen(current);
    } else if (current->second.cancelDeadline) {
      std::ignore = send(wire::Cancel{current->first});
    }
  }
  for (const auto id : known) {
    if (!open_.contains(id)) std::ignore = send(wire::Cancel{id});
  }
}

void WorkerSession::sendOpen(OpenMap::iterator entry) {
  auto sent = send(entry->second.request);
  if (!sent) return finish(entry, std::move(sent.error()));
  entry->second.sent = true;
}

Result<void> WorkerSession::send(const wire::PoolMessage& message) {
  const std::vector<RequestId> received(unconfirmed_.begin(), unconfirmed_.end());
  auto pieces = wire::encodeMessage(message, received, options_.limits);
  if (!pieces) return std::unexpected(std::move(pieces.error()));
  unconfirmed_.clear();
  actions_.push_back(SendFrame{channel_, std::move(*pieces)});
  return {};
}

void WorkerSession::frameReceived(ChannelId channel, const Bytes& frame) {
  if (state_ != State::Connected || channel != channel_) {
    ++counters_.staleFrames;
    return;
  }
  unansweredPings_ = 0;
  auto message = wire::decodePageMessage(frame, options_.limits);
  if (!message) return protocolFailure(message.error());
  if (!*message) {
    ++counters_.unknownTypes;
    return;
  }
  std::visit([this](auto& body) { handle(body); }, **message);
}

void WorkerSession::bytesReceived(ChannelId channel) {
  if (state_ == State::Connected && channel == channel_) unansweredPings_ = 0;
}

void WorkerSession::channelClosed(ChannelId channel, std::uint16_t code, std::string_view reason,
                                  TimePoint now) {
  if (state_ != State::Connected || channel != channel_) return;
  channel_ = 0;
  auto text = fmt::format("the page's connection closed with code {}{}{}", code,
                          reason.empty() ? "" : ": ", reason);
  if (isFinal(code)) {
    const auto cause = lost(std::move(text));
    return end(cause, cause);
  }
  state_ = State::Suspended;
  stateDeadline_ = now + options_.grace;
  actions_.push_back(Suspended{std::move(text)});
}

void WorkerSession::tick(TimePoint now) {
  if (state_ == State::Ended) return;
  expireRequests(now);
  if (now < stateDeadline_) return;
  switch (state_) {
    case State::Waiting: {
      const Error cause{ErrorCategory::BrowserFailed,
                        fmt::format("the browser's page did not connect within {} ms",
                                    options_.connectTimeout / std::chrono::milliseconds(1)),
                        "look at the browser's log"};
      return end(cause, cause);
    }
    case State::Suspended: {
      const auto cause = lost("the page's connection broke and did not come back in time");
      return end(cause, cause);
    }
    case State::Connected:
      return ping(now);
    case State::Ended:
      return;
  }
}

void WorkerSession::ping(TimePoint now) {
  if (unansweredPings_ >= kMissesAllowed) {
    const auto cause = lost(fmt::format("the page did not answer {} heartbeats", kMissesAllowed));
    dropChannel(CloseCode::HeartbeatLost, "no answer to the heartbeat");
    return end(cause, cause);
  }
  // Counted from now, so that a stalled event loop does not blame the page.
  stateDeadline_ = now + options_.heartbeat;
  ++unansweredPings_;
  sendPing();
}

void WorkerSession::sendPing() {
  std::ignore = send(wire::Ping{++lastPing_});
}

void WorkerSession::expireRequests(TimePoint now) {
  for (auto entry = open_.begin(); entry != open_.end();) {
    const auto current = entry++;
    auto& open = current->second;
    if (open.cancelDeadline) {
      if (now >= *open.cancelDeadline) finish(current, cancelled());
    } else if (open.deadline && now >= *open.deadline) {
      if (open.sent && state_ == State::Connected && isCancellable(open.request)) {
        std::ignore = send(wire::Cancel{current->first});
      }
      finish(current, Error{ErrorCategory::Timeout, "the deadline passed before the page answered",
                            "allow more time, or send less at once"});
    }
  }
}

Result<RequestId> WorkerSession::submit(Request request, std::optional<TimePoint> deadline) {
  if (state_ == State::Ended) return std::unexpected(lost("the worker is gone"));
  const bool isWork = std::holds_alternative<wire::Run>(request) ||
                      std::holds_alternative<wire::Load>(request) ||
                      std::holds_alternative<wire::Drain>(request);
  if (draining_ && isWork) {
    return fail(ErrorCategory::Busy, "the worker is draining and takes no more work");
  }
  if (open_.size() >= options_.maxOpen) {
    return fail(ErrorCategory::Busy,
                fmt::format("the worker already has {} open requests", open_.size()));
  }
  Open open;
  open.deadline = deadline;
  open.request = std::visit(
      [&](auto& body) -> wire::PoolMessage {
        body.id = nextId_;
        return std::move(body);
      },
      request);
  if (state_ == State::Connected) {
    if (auto sent = send(open.request); !sent) return std::unexpected(std::move(sent.error()));
    open.sent = true;
  } else if (auto valid = wire::encodeMessage(open.request, {}, options_.limits); !valid) {
    return std::unexpected(std::move(valid.error()));
  }
  draining_ = draining_ || std::holds_alternative<wire::Drain>(open.request);
  open_.emplace(nextId_, std::move(open));
  return nextId_++;
}

void WorkerSession::cancel(RequestId id, TimePoint now) {
  const auto entry = open_.find(id);
  if (entry == open_.end() || entry->second.cancelDeadline) return;
  if (!entry->second.sent || !isCancellable(entry->second.request)) {
    return finish(entry, cancelled());
  }
  entry->second.cancelDeadline = now + options_.cancelTimeout;
  if (state_ == State::Connected) std::ignore = send(wire::Cancel{id});
}

void WorkerSession::tell(const wire::PoolMessage& message) {
  if (state_ == State::Connected) std::ignore = send(message);
}

void WorkerSession::close(std::string_view reason) {
  if (state_ == State::Ended) return;
  if (state_ == State::Connected) {
    std::ignore = send(wire::Close{std::string(reason)});
    dropChannel(CloseCode::Normal, reason);
  }
  end(std::nullopt, Error{ErrorCategory::Cancelled, "the session was closed", ""});
}

void WorkerSession::abandon(Error cause) {
  if (state_ == State::Ended) return;
  if (state_ == State::Connected) dropChannel(CloseCode::Normal, "the worker was given up");
  end(cause, cause);
}

std::vector<Action> WorkerSession::takeActions() {
  return std::exchange(actions_, {});
}

std::optional<TimePoint> WorkerSession::nextDeadline() const {
  if (state_ == State::Ended) return std::nullopt;
  auto next = stateDeadline_;
  for (const auto& [id, open] : open_) {
    const auto& due = open.cancelDeadline ? open.cancelDeadline : open.deadline;
    if (due) next = std::min(next, *due);
  }
  return next;
}

void WorkerSession::handle(wire::Hello&) {
  protocolFailure(wire::fault("bad_answer", "a second hello on one connection"));
}

void WorkerSession::handle(wire::Progress& message) {
  if (message.id >= nextId_) {
    return protocolFailure(wire::fault("bad_answer", "progress of an id that was never given"));
  }
  const auto entry = open_.find(message.id);
  if (entry == open_.end()) return;  // overtaken by a cancel or a deadline
  if (!std::holds_alternative<wire::Load>(entry->second.request)) {
    return protocolFailure(wire::fault("bad_answer", "progress of what is no load"));
  }
  actions_.push_back(std::move(message));
}

/// A page says again what it said before a break, so that nothing is missing: doubled parts are
/// dropped here, and a gap is a fault.
void WorkerSession::handle(wire::Partial& message) {
  if (message.id >= nextId_) {
    return protocolFailure(wire::fault("bad_answer", "partial of an id that was never given"));
  }
  const auto entry = open_.find(message.id);
  if (entry == open_.end() || entry->second.cancelDeadline) return;
  auto& open = entry->second;
  if (!std::holds_alternative<wire::Run>(open.request)) {
    return protocolFailure(wire::fault("bad_answer", "partial of what is no run"));
  }
  if (message.index < open.partials) return;
  if (message.index > open.partials) {
    return protocolFailure(wire::fault("bad_answer", "parts of an answer are missing"));
  }
  ++open.partials;
  actions_.push_back(std::move(message));
}

void WorkerSession::handle(wire::Pong& message) {
  if (message.id > lastPing_) {
    protocolFailure(wire::fault("bad_answer", "pong without a ping"));
  }
}

void WorkerSession::handle(wire::Log& message) {
  actions_.push_back(std::move(message));
}

void WorkerSession::handle(wire::Signal& message) {
  actions_.push_back(std::move(message));
}

void WorkerSession::handle(wire::Failure& message) {
  if (!message.lost.empty()) {
    actions_.push_back(ModelsLost{std::move(message.lost), message.error});
  }
  if (message.id == 0) {
    actions_.push_back(PageFailed{std::move(message.error)});
    return;
  }
  const auto entry = findForAnswer(message.id);
  if (entry == open_.end()) return;
  finish(entry, std::move(message.error));
}

template <class M>
void WorkerSession::handle(M& message) {
  const auto id = message.id;
  const auto entry = findForAnswer(id);
  if (entry == open_.end()) return;
  if (const auto reason = mismatch(message, entry->second.request); !reason.empty()) {
    return protocolFailure(wire::fault("bad_answer", reason));
  }
  if constexpr (std::is_same_v<M, wire::Drained>) {
    const bool workLeft = std::ranges::any_of(
        open_, [](const auto& item) { return isCancellable(item.second.request); });
    if (workLeft) return protocolFailure(wire::fault("bad_answer", "drained before its work was"));
  }
  open_.erase(entry);
  actions_.push_back(RequestDone{id, std::move(message)});
}

WorkerSession::OpenMap::iterator WorkerSession::findForAnswer(RequestId id) {
  if (id >= nextId_) {
    protocolFailure(wire::fault("bad_answer", "an id that was never given"));
    return open_.end();
  }
  confirm(id);
  const auto entry = open_.find(id);
  if (entry == open_.end()) ++counters_.lateAnswers;
  return entry;
}

void WorkerSession::confirm(RequestId id) {
  unconfirmed_.insert(id);
  if (unconfirmed_.size() >= kConfirmAtOnce) sendPing();
}

void WorkerSession::finish(OpenMap::iterator entry, Error error) {
  const auto id = entry->first;
  open_.erase(entry);
  actions_.push_back(RequestFailed{id, std::move(error)});
}

void WorkerSession::protocolFailure(const Error& error) {
  dropChannel(CloseCode::Protocol, error.message);
  auto forOpen = lost(fmt::format("the page broke the protocol ({})", error.message));
  end(error, forOpen);
}

void WorkerSession::end(std::optional<Error> cause, const Error& forOpen) {
  state_ = State::Ended;
  unconfirmed_.clear();
  for (auto& [id, open] : std::exchange(open_, {})) {
    actions_.push_back(RequestFailed{id, open.cancelDeadline ? cancelled() : forOpen});
  }
  actions_.push_back(Ended{std::move(cause)});
}

void WorkerSession::dropChannel(CloseCode code, std::string_view reason) {
  constexpr std::size_t kMaxCloseReason = 123;
  actions_.push_back(
      CloseChannel{channel_, code, std::string(wire::cutUtf8(reason, kMaxCloseReason))});
  channel_ = 0;
}

}  // namespace webpool::session
