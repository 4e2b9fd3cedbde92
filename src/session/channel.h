// The connection to a page as the pool sees it: net implements it on a WebSocket, tests on a list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "webpool/tensor.h"

namespace webpool::session {

/// WebSocket close codes that webpool uses (docs/protocol.md).
enum class CloseCode : std::uint16_t {
  Normal = 1000,
  Protocol = 4400,
  Unauthorized = 4401,
  HeartbeatLost = 4408,
  Replaced = 4409,
  TooLarge = 4413,
};

/// One ordered, message-keeping, two-way connection. All calls and callbacks happen on the
/// event-loop thread.
class Channel {
 public:
  virtual ~Channel() = default;

  /// Queues one frame, given as pieces that are sent one after the other as one binary message
  /// without being joined; the pieces' memory is kept alive until sent.
  virtual void send(std::vector<Bytes> pieces) = 0;

  /// Bytes queued and not yet given to the kernel.
  virtual std::size_t queuedBytes() const = 0;

  /// Sends what is queued, then closes. No callback follows but one onClosed.
  virtual void close(CloseCode code, std::string reason) = 0;
};

/// Who is told what a channel does.
class ChannelListener {
 public:
  virtual ~ChannelListener() = default;
  virtual void onFrame(Bytes frame) = 0;
  /// A part of a frame came, and more of it is awaited: a sign of life while a large one travels.
  virtual void onPart() {}
  /// Last call; the channel may be destroyed in it.
  virtual void onClosed(std::uint16_t code, std::string reason) = 0;
};

}  // namespace webpool::session
