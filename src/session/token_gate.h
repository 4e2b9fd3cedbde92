// Decides whose connection a new WebSocket is: its first frame must be a hello with a token that
// was issued. Until then a peer is unknown and gets little: a short time and small frames.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "session/actions.h"
#include "wire/messages.h"

namespace webpool::session {

/// Hand `hello` to WorkerSession::connected of that session, and the channel's frames after it.
struct Admit {
  ChannelId channel = 0;
  std::string session;
  wire::Hello hello;
};

using GateAction = std::variant<CloseChannel, Admit>;

/// A machine like WorkerSession: call it on one thread, take the actions after each call.
class TokenGate {
 public:
  struct Options {
    base::Duration helloTimeout = std::chrono::seconds(10);
    std::size_t maxPending = 64;            ///< channels that have not said hello
    std::size_t maxHelloSize = 256 * 1024;  ///< bytes of the first frame
  };

  explicit TokenGate(Options options) : options_(options) {}

  /// Lets one page in with this token: once, and again only to resume that session.
  void issue(std::string token, std::string session);
  /// The session is over; its token is worth nothing any more.
  void revoke(std::string_view session);

  void channelOpened(ChannelId channel, base::TimePoint now);
  void frameReceived(ChannelId channel, const Bytes& frame);
  void channelClosed(ChannelId channel);
  void tick(base::TimePoint now);

  std::vector<GateAction> takeActions();
  std::optional<base::TimePoint> nextDeadline() const;

 private:
  struct Ticket {
    std::string token;
    std::string session;
    bool used = false;
  };

  Ticket* findTicket(std::string_view token);
  void refuse(ChannelId channel, CloseCode code, std::string_view reason);

  Options options_;
  std::vector<Ticket> tickets_;
  std::map<ChannelId, base::TimePoint> pending_;  ///< until when each must say hello
  std::vector<GateAction> actions_;
};

/// Takes the same time wherever two texts of equal length differ.
bool equalInConstantTime(std::string_view a, std::string_view b) noexcept;

}  // namespace webpool::session
