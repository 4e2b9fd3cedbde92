// The shell around the session machines: gives them the WebSockets that the server accepts, the
// time and the pool's requests, and does what they say. All of it on the loop thread.
#pragma once

#include <spdlog/logger.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/event_loop.h"
#include "net/server.h"
#include "session/token_gate.h"
#include "session/worker_session.h"

namespace webpool::pool {

/// Told of a request while it is open.
struct RequestListener {
  std::function<void(const wire::Progress&)> progress{};  ///< of a load
  std::function<void(wire::Partial)> partial{};           ///< of a run, in their order, each once
};

class PageHub {
 public:
  using Answered = std::move_only_function<void(Result<session::Answer>)>;

  /// What happens to one page. Called on the loop thread; may call the hub.
  struct Events {
    std::function<void(const wire::Capabilities&)> ready;  ///< once
    std::function<void(const std::vector<std::string>& models, const Error& cause)> modelsLost;
    std::function<void(std::optional<Error> cause)> ended;  ///< last; every request is answered
    /// So many further answers came to requests that had theirs already. May be empty.
    std::function<void(std::uint64_t count)> lateAnswers = {};
    /// For another page. May be empty.
    std::function<void(wire::Signal)> signal = {};
  };

  struct Admission {
    std::string session;
    std::string token;  ///< for the page's address
  };

  PageHub(net::EventLoop& loop, base::RandomSource random, std::shared_ptr<spdlog::logger> log);
  ~PageHub();

  /// Whether a peer may open a WebSocket at all, before its token is asked for.
  using MayOpen = std::function<bool(const net::RequestInfo&)>;

  /// Takes the server's WebSockets. Without `mayOpen`, those from this machine must be of the user
  /// who runs the pool. The hub must outlive the server.
  void serve(net::Server& server, const std::string& path, MayOpen mayOpen = {});

  /// Lets one page in. `options.id` is chosen here.
  Admission expect(session::SessionOptions options, Events events);

  /// The request's one answer comes through `answered`, also when the page ends; unless an error is
  /// returned here, then never.
  Result<session::RequestId> submit(const std::string& session,
                                    session::WorkerSession::Request request,
                                    std::optional<base::TimePoint> deadline, Answered answered,
                                    RequestListener listener = {});
  void cancel(const std::string& session, session::RequestId id);
  /// What is no request; forgotten where the page is not there.
  void tell(const std::string& session, const wire::PoolMessage& message);
  void close(const std::string& session, std::string_view reason);
  void abandon(const std::string& session, Error cause);
  /// The same, and whoever waits for it is told nothing more: no event, no answer.
  void forget(const std::string& session);

  /// WebSockets that are open, admitted or not.
  std::size_t connections() const noexcept { return peers_.size(); }

 private:
  struct Peer;
  struct Page;

  /// Its machine was told something, and may want something done.
  void touch(Page& page);
  void pump();
  bool pumpOnce();
  void perform(session::GateAction action);
  void perform(Page& page, session::Action action);
  void tellLateAnswers(Page& page);
  void arm();

  net::EventLoop& loop_;
  base::RandomSource random_;
  std::shared_ptr<spdlog::logger> log_;
  session::TokenGate gate_;
  std::map<session::ChannelId, std::unique_ptr<Peer>> peers_;
  std::map<std::string, std::unique_ptr<Page>> pages_;
  std::vector<Page*> touched_;
  session::ChannelId nextChannel_ = 1;
  net::Timer timer_;
  bool pumping_ = false;
};

}  // namespace webpool::pool
