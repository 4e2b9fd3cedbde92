// What the machines of this folder ask the shell to do. The shell takes them after each call and
// does them in their order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "session/channel.h"
#include "webpool/error.h"
#include "webpool/tensor.h"
#include "wire/messages.h"

namespace webpool::session {

/// Names a connection for its whole life; chosen by the shell, never used twice.
using ChannelId = std::uint64_t;

using wire::RequestId;

// To the channel.

struct SendFrame {
  ChannelId channel = 0;
  std::vector<Bytes> pieces;
};

struct CloseChannel {
  ChannelId channel = 0;
  CloseCode code = CloseCode::Normal;
  std::string reason;  ///< at most 123 bytes, as WebSocket wants it
};

// To the pool.

/// The page is connected: for the first time, or again within the grace time.
struct Ready {
  wire::Capabilities capabilities;
  std::string pageVersion;
  bool resumed = false;
};

/// The connection broke; requests stay open until the page is back or the grace time is over.
struct Suspended {
  std::string reason;
};

/// What a request asked for. Its id is no longer open.
using Answer = std::variant<wire::Loaded, wire::RunResult, wire::Unloaded, wire::Stats,
                            wire::Checked, wire::EchoResult, wire::Drained>;
struct RequestDone {
  RequestId id = 0;
  Answer answer;
};

/// A request's other end. Its id is no longer open.
struct RequestFailed {
  RequestId id = 0;
  Error error;
};

/// The page no longer holds these models: their Worker ended.
struct ModelsLost {
  std::vector<std::string> models;
  Error cause;
};

/// The page reports something that belongs to no request.
struct PageFailed {
  Error error;
};

/// Last of all: every request has its outcome, and the session answers no more.
struct Ended {
  std::optional<Error> cause;  ///< none after close()
};

using Action = std::variant<SendFrame, CloseChannel, Ready, Suspended, wire::Progress,
                            wire::Partial, RequestDone, RequestFailed, ModelsLost, PageFailed,
                            wire::Log, wire::Signal, Ended>;

}  // namespace webpool::session
