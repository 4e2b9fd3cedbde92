// Drives a WorkerSession with events and time, and keeps what it asked for, decoded.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "session/worker_session.h"
#include "wire/frame.h"

namespace webpool::session::testing {

using namespace std::chrono_literals;

inline wire::Run runOf(std::string model = "m1") {
  return {0, std::move(model), {{"x", DataType::Uint8, {2}, Bytes::copyOf("ab")}}, {}};
}

inline wire::Load loadOf(std::string model = "m1") {
  wire::Load load;
  load.model = std::move(model);
  load.backend = wire::Backend::WebGpu;
  return load;
}

inline wire::Loaded loadedOf(RequestId id, std::string model = "m1") {
  wire::Loaded loaded;
  loaded.id = id;
  loaded.model = std::move(model);
  loaded.backend = wire::Backend::WebGpu;
  return loaded;
}

inline wire::RunResult resultOf(RequestId id) {
  return {id, {{"y", DataType::Uint8, {1}, Bytes::copyOf("z")}}, {0.5, 1.5}};
}

inline wire::Failure failureOf(RequestId id, ErrorCategory category,
                               std::vector<std::string> lost = {}) {
  return {id, {category, "it failed", ""}, std::move(lost)};
}

inline Bytes frameOf(const wire::PageMessage& message) {
  return wire::joinFrame(wire::encodeMessage(message).value());
}

class SessionScript {
 public:
  explicit SessionScript(SessionOptions options = defaults()) : session(options, now) {}

  static SessionOptions defaults() {
    SessionOptions options;
    options.id = "5e55";
    return options;
  }

  /// A page connects for the first time, on channel 1.
  void connect() {
    session.connected(1, {}, now);
    collect();
  }
  void reconnect(ChannelId channel, std::vector<RequestId> known = {}) {
    wire::Hello hello;
    hello.resume = session.options().id;
    hello.known = std::move(known);
    session.connected(channel, hello, now);
    collect();
  }
  /// The connection breaks.
  void breakOff(ChannelId channel = 1, std::uint16_t code = 1006) {
    session.channelClosed(channel, code, "", now);
    collect();
  }
  void page(const wire::PageMessage& message, ChannelId channel = 1) {
    session.frameReceived(channel, frameOf(message));
    collect();
  }
  void raw(std::string_view bytes, ChannelId channel = 1) {
    session.frameReceived(channel, Bytes::copyOf(bytes));
    collect();
  }
  RequestId submit(WorkerSession::Request request, std::optional<Duration> within = {}) {
    const auto id =
        session.submit(std::move(request), within ? std::optional(now + *within) : std::nullopt);
    collect();
    return id.value();
  }
  void cancel(RequestId id) {
    session.cancel(id, now);
    collect();
  }
  void withdraw(RequestId id) {
    session.withdraw(id);
    collect();
  }
  void close() {
    session.close("done");
    collect();
  }
  /// Lets time pass as a shell would: a tick at each deadline.
  void pass(Duration duration) {
    const auto until = now + duration;
    while (session.nextDeadline() && *session.nextDeadline() <= until) {
      now = std::max(now, *session.nextDeadline());
      session.tick(now);
      collect();
    }
    now = until;
    collect();
  }
  /// As pass(), with a page that gives signs of life.
  void passAlive(Duration duration, ChannelId channel = 1) {
    const auto until = now + duration;
    while (now < until) {
      pass(std::min<Duration>(1s, until - now));
      session.bytesReceived(channel);
    }
  }

  /// What was sent since the last call, all channels, in order; `type` or "type id".
  std::vector<std::string> takeSent() { return std::exchange(sent, {}); }
  std::vector<RequestId> done() const { return idsOf<RequestDone>(); }
  std::vector<std::pair<RequestId, ErrorCategory>> failed() const {
    std::vector<std::pair<RequestId, ErrorCategory>> found;
    for (const auto& action : outcomes) {
      if (const auto* failure = std::get_if<RequestFailed>(&action)) {
        found.emplace_back(failure->id, failure->error.category);
      }
    }
    return found;
  }
  template <class A>
  std::vector<A> all() const {
    std::vector<A> found;
    for (const auto& action : outcomes) {
      if (const auto* match = std::get_if<A>(&action)) found.push_back(*match);
    }
    return found;
  }
  template <class A>
  std::vector<RequestId> idsOf() const {
    std::vector<RequestId> ids;
    for (const auto& match : all<A>()) ids.push_back(match.id);
    return ids;
  }

  base::TimePoint now{1h};
  WorkerSession session;
  std::vector<std::string> sent;
  std::vector<wire::PoolFrame> frames;  ///< all that was sent
  std::vector<CloseChannel> closed;
  std::vector<Action> outcomes;  ///< every other action

 private:
  void collect() {
    for (auto& action : session.takeActions()) {
      if (const auto* send = std::get_if<SendFrame>(&action)) {
        auto decoded = wire::decodePoolMessage(wire::joinFrame(send->pieces));
        frames.push_back(std::move(decoded.value().value()));
        sent.push_back(label(frames.back().message));
      } else if (const auto* close = std::get_if<CloseChannel>(&action)) {
        closed.push_back(*close);
      } else {
        outcomes.push_back(std::move(action));
      }
    }
  }
  static std::string label(const wire::PoolMessage& message) {
    return std::visit(
        [&](const auto& body) {
          std::string text(wire::messageType(message));
          if constexpr (requires { body.id; }) text += " " + std::to_string(body.id);
          return text;
        },
        message);
  }
};

}  // namespace webpool::session::testing
