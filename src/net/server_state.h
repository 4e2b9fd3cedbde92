// What the server and its connections share. Inside src/net only.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "net/origin_policy.h"
#include "net/router.h"
#include "net/server.h"
#include "net/stream.h"

namespace webpool::net {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Awaits an operation and gets its error as a value.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>());

/// For co_spawn: what a coroutine throws is a defect and comes out of EventLoop::run().
inline constexpr auto kRethrow = [](std::exception_ptr defect) {
  if (defect) std::rethrow_exception(defect);
};

/// Something that holds a socket and can be told to let go of it.
class Connection {
 public:
  explicit Connection(std::shared_ptr<Server::State> server);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Closes the socket at once; calls nobody.
  virtual void drop() noexcept = 0;

  /// Whether it has no whole request: then another may take its place.
  void waits(bool without);

 protected:
  /// The socket is closed: this is no open connection any more, though it may still be referred to.
  void leave() noexcept;

  const std::shared_ptr<Server::State> server_;

 private:
  std::optional<std::list<Connection*>::iterator> place_;  ///< in Server::State::waiting
};

struct Server::State {
  State(EventLoop& l, ServerOptions o, tcp::acceptor a, OriginPolicy p)
      : loop(l), options(std::move(o)), acceptor(std::move(a)), policy(std::move(p)) {}

  EventLoop& loop;
  const ServerOptions options;
  tcp::acceptor acceptor;
  const OriginPolicy policy;
  std::string origin;
  std::uint16_t port = 0;
  Router router;
  std::map<std::string, ChannelFactory, std::less<>> sockets;
  std::unordered_set<Connection*> connections;
  std::list<Connection*> waiting;  ///< without a whole request, the longest first
  std::uint64_t bodies = 0;        ///< bytes of the bodies that are held
  bool stopped = false;
};

/// Calls a function at a time that is moved forward as long as things go well. Cheap to move: the
/// timer is only touched when the new time is earlier than the one it waits for, or fires too
/// early.
class Deadline : public std::enable_shared_from_this<Deadline> {
 public:
  Deadline(const Executor& executor, std::function<void()> expired);
  void set(base::Duration fromNow);
  void clear() noexcept { due_ = base::TimePoint::max(); }
  /// Forgets the function.
  void end() noexcept;

 private:
  void wait();

  SteadyTimer timer_;
  std::function<void()> expired_;
  base::TimePoint due_ = base::TimePoint::max();
  base::TimePoint armed_ = base::TimePoint::max();
};

/// Shuts the sending side and reads what still comes until the peer closes or the time is over, so
/// that the last bytes sent are not lost to a reset. Then closes.
Awaitable<void> lingerAndClose(Socket& socket, std::shared_ptr<Deadline> deadline,
                               base::Duration time);

}  // namespace webpool::net
