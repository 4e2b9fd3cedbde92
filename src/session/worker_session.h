// One worker's life as a machine: it is told what happened and what the time is, and says what to
// do next. It has no socket, no timer and no thread, so its tests need none. docs/protocol.md,
// "Session" and "Resuming", is what it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "session/actions.h"
#include "wire/limits.h"
#include "wire/messages.h"

namespace webpool::session {

using base::Duration;
using base::TimePoint;

struct SessionOptions {
  std::string id;  ///< 128 random bits in hex; the page resumes with it
  Duration connectTimeout = std::chrono::seconds(60);  ///< until the first hello
  Duration heartbeat = std::chrono::seconds(5);
  Duration grace = std::chrono::seconds(10);
  Duration cancelTimeout = std::chrono::seconds(10);  ///< for a page to answer a cancel
  std::size_t maxOpen = 64;                           ///< requests; more are refused as Busy
  wire::Limits limits;
};

/// Every request that submit() accepts gets exactly one RequestDone or RequestFailed. Call all of
/// it on one thread; after each call take the actions, and call tick() when nextDeadline() is due.
class WorkerSession {
 public:
  /// `id` of each is given by the session.
  using Request = std::variant<wire::Load, wire::Run, wire::Unload, wire::StatsRequest, wire::Check,
                               wire::EchoRequest, wire::Drain>;

  struct Counters {
    std::uint64_t lateAnswers = 0;   ///< to requests no longer open, and doubled ones
    std::uint64_t staleFrames = 0;   ///< of a connection that was replaced or closed
    std::uint64_t unknownTypes = 0;  ///< messages of a newer page
  };

  WorkerSession(SessionOptions options, TimePoint now);

  // What happened.

  /// A channel whose hello had this session's token (see TokenGate).
  void connected(ChannelId channel, const wire::Hello& hello, TimePoint now);
  void frameReceived(ChannelId channel, const Bytes& frame);
  /// Part of a frame came: a sign of life while a large one is on its way.
  void bytesReceived(ChannelId channel);
  void channelClosed(ChannelId channel, std::uint16_t code, std::string_view reason, TimePoint now);
  void tick(TimePoint now);

  // What the pool wants.

  /// Sends the request, or keeps it until the page is there. Busy when too many are open or the
  /// session drains, WorkerLost when it is over; otherwise the fault in the request itself.
  Result<RequestId> submit(Request request, std::optional<TimePoint> deadline = {});
  /// The request's outcome follows: Cancelled, or its answer where that was faster. A model whose
  /// run is cancelled while it runs is lost. Nothing happens where the id is not open.
  void cancel(RequestId id, TimePoint now);
  /// Sends what is no request and has no answer; forgotten where the page is not there just now.
  void tell(const wire::PoolMessage& message);
  /// Ends the session in order; what is open fails with Cancelled.
  void close(std::string_view reason);
  /// Ends the session because the page can't come back (its browser died); what is open fails with
  /// `cause`.
  void abandon(Error cause);

  // What follows.

  std::vector<Action> takeActions();
  /// When tick() is due next; none once the session has ended.
  std::optional<TimePoint> nextDeadline() const;

  bool isConnected() const noexcept { return state_ == State::Connected; }
  bool hasEnded() const noexcept { return state_ == State::Ended; }
  std::size_t openRequests() const noexcept { return open_.size(); }
  const Counters& counters() const noexcept { return counters_; }
  const SessionOptions& options() const noexcept { return options_; }

 private:
  enum class State { Waiting, Connected, Suspended, Ended };

  struct Open {
    wire::PoolMessage request;
    std::optional<TimePoint> deadline;
    bool sent = false;                        ///< given to a channel at least once
    std::optional<TimePoint> cancelDeadline;  ///< set: a cancel is under way
    std::uint64_t partials = 0;               ///< parts of its answer that came
  };
  using OpenMap = std::map<RequestId, Open>;

  void resume(const std::vector<RequestId>& known);
  void sendOpen(OpenMap::iterator entry);
  Result<void> send(const wire::PoolMessage& message);
  void sendPing();
  void ping(TimePoint now);
  void expireRequests(TimePoint now);

  void handle(wire::Hello& message);
  void handle(wire::Progress& message);
  void handle(wire::Partial& message);
  void handle(wire::Pong& message);
  void handle(wire::Failure& message);
  void handle(wire::Log& message);
  void handle(wire::Signal& message);
  template <class M>
  void handle(M& message);  ///< the answers
  /// The open request, or its absence counted as a late answer.
  OpenMap::iterator findForAnswer(RequestId id);
  void confirm(RequestId id);

  void finish(OpenMap::iterator entry, Error error);
  void protocolFailure(const Error& error);
  /// The one way to the end.
  void end(std::optional<Error> cause, const Error& forOpen);
  void dropChannel(CloseCode code, std::string_view reason);

  SessionOptions options_;
  State state_ = State::Waiting;
  ChannelId channel_ = 0;    ///< while connected
  TimePoint stateDeadline_;  ///< Waiting: to connect; Suspended: to resume; Connected: next ping
  RequestId nextId_ = 1;
  RequestId lastPing_ = 0;
  int unansweredPings_ = 0;
  bool draining_ = false;
  OpenMap open_;
  std::set<RequestId> unconfirmed_;  ///< answers that the page does not yet know we have
  std::vector<Action> actions_;
  Counters counters_;
};

}  // namespace webpool::session
