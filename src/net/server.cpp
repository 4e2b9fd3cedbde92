#include "net/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/http_connection.h"
#include "net/server_state.h"

namespace webpool::net {
namespace {

Result<tcp::acceptor> bindAndListen(asio::io_context& context, const ServerOptions& options) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("'{}' is not an IP address to listen on", options.address),
                "use 127.0.0.1 for this machine only, or the address of a network interface");
  }
  const tcp::endpoint endpoint(address, options.port);
  // Not asio's own open(): a browser forked later must not inherit the port.
  const int fd = ::socket(address.is_v6() ? AF_INET6 : AF_INET,
                          SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (fd < 0) {
    return fail(ErrorCategory::Internal,
                fmt::format("can't make a socket: {}", std::strerror(errno)));
  }
  tcp::acceptor acceptor(context);
  acceptor.assign(endpoint.protocol(), fd, error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return acceptor;
  if (error == asio::error::address_in_use) {
    return fail(
        ErrorCategory::PortInUse,
        fmt::format("port {} of {} is taken by another program", options.port, options.address),
        fmt::format("end the program that listens on port {}, or choose another port (0: "
                    "any free one)",
                    options.port));
  }
  if (error == asio::error::access_denied) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("no right to listen on port {} of {}", options.port, options.address),
                "ports below 1024 are the system's; choose a higher one");
  }
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("can't listen on {}: {}", options.address, error.message()),
              "the address must be one of this machine's");
}

/// Before a request is read nothing is known of its protocol: the form is the one that most share.
constexpr std::string_view kFull =
    R"({"error":"too many connections are open; try again when some have ended"})";

void refuseWhenFull(int fd) {
  static const std::string kAnswer = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{}",
      kFull.size(), kFull);
  std::array<char, 4096> request;
  // Reading what has come keeps the answer from being lost to a reset.
  (void)!::recv(fd, request.data(), request.size(), MSG_DONTWAIT);
  (void)!::send(fd, kAnswer.data(), kAnswer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(fd, SHUT_WR);
  ::close(fd);
}

Awaitable<void> acceptAll(std::shared_ptr<Server::State> state) {
  SteadyTimer pause(co_await asio::this_coro::executor);
  while (!state->stopped) {
    const auto [error] = co_await state->acceptor.async_wait(tcp::acceptor::wait_read, kAwait);
    if (error || state->stopped) co_return;
    const int fd =
        ::accept4(state->acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // Others must end first; asking again at once would only burn the processor.
        pause.expires_after(std::chrono::milliseconds(100));
        co_await pause.async_wait(kAwait);
      }
      continue;
    }
    if (state->connections.size() >= state->options.maxConnections) {
      if (state->waiting.empty()) {
        refuseWhenFull(fd);
        continue;
      }
      auto* const longest = state->waiting.front();
      longest->waits(false);
      longest->drop();
    }
    boost::system::error_code failed;
    Socket socket(co_await asio::this_coro::executor);
    socket.assign(state->acceptor.local_endpoint(failed).protocol(), fd, failed);
    if (failed) {
      ::close(fd);
      continue;
    }
    socket.set_option(tcp::no_delay(true), failed);
    serveHttp(state, std::move(socket));
  }
}

}  // namespace

Connection::Connection(std::shared_ptr<Server::State> server) : server_(std::move(server)) {
  server_->connections.insert(this);
}

Connection::~Connection() {
  leave();
}

void Connection::leave() noexcept {
  waits(false);
  server_->connections.erase(this);
}

void Connection::waits(bool without) {
  auto& all = server_->waiting;
  if (without && !place_) {
    place_ = all.insert(all.end(), this);
  } else if (!without && place_) {
    all.erase(*place_);
    place_.reset();
  }
}

Deadline::Deadline(const Executor& executor, std::function<void()> expired)
    : timer_(executor), expired_(std::move(expired)) {}

void Deadline::set(base::Duration fromNow) {
  due_ = std::chrono::steady_clock::now() + fromNow;
  if (due_ < armed_) wait();
}

void Deadline::end() noexcept {
  clear();
  expired_ = nullptr;
  timer_.cancel();
}

void Deadline::wait() {
  armed_ = due_;
  timer_.expires_at(due_);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->armed_ = base::TimePoint::max();
    if (self->due_ == base::TimePoint::max()) return;
    if (std::chrono::steady_clock::now() < self->due_) return self->wait();
    self->due_ = base::TimePoint::max();
    if (self->expired_) self->expired_();
  });
}

Awaitable<void> lingerAndClose(Socket& socket, std::shared_ptr<Deadline> deadline,
                               base::Duration time) {
  deadline->set(time);
  boost::system::error_code ignored;
  socket.shutdown(Socket::shutdown_send, ignored);
  std::array<std::byte, 16384> rest;
  while (socket.is_open()) {
    const auto [error, count] = co_await socket.async_read_some(asio::buffer(rest), kAwait);
    if (error) break;
  }
  socket.close(ignored);
}

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::listen(EventLoop& loop, ServerOptions options) {
  auto acceptor = bindAndListen(loop.context(), options);
  if (!acceptor) return std::unexpected(acceptor.error());
  const auto endpoint = acceptor->local_endpoint();
  OriginPolicy policy(endpoint.address().to_string(), endpoint.port(), options.allowedHosts,
                      options.tls != nullptr);
  auto state =
      std::make_shared<State>(loop, std::move(options), std::move(*acceptor), std::move(policy));
  state->port = endpoint.port();
  auto host = endpoint.address().is_unspecified() ? std::string("127.0.0.1")
                                                  : endpoint.address().to_string();
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  const auto* scheme = state->options.tls ? "https" : "http";
  state->origin = fmt::format("{}://{}:{}", scheme, host, endpoint.port());
  asio::co_spawn(loop.context(), acceptAll(state), kRethrow);
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

void Server::route(std::string method, std::string path, Handler handler) {
  state_->router.add(std::move(method), std::move(path), std::move(handler));
}

void Server::routePrefix(std::string method, std::string prefix, Handler handler) {
  state_->router.addPrefix(std::move(method), std::move(prefix), std::move(handler));
}

void Server::onWebSocket(std::string path, ChannelFactory factory) {
  state_->sockets.insert_or_assign(std::move(path), std::move(factory));
}

std::uint16_t Server::port() const noexcept {
  return state_->port;
}

std::string Server::origin() const {
  return state_->origin;
}

std::size_t Server::connections() const noexcept {
  return state_->connections.size();
}

void Server::stopListening() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
}

void Server::stop() {
  if (std::exchange(state_->stopped, true)) return;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  // Dropping only closes sockets; the objects go when their coroutines see that.
  for (auto* connection : std::exchange(state_->connections, {})) connection->drop();
  // Handlers may own what owns the server.
  state_->router = Router();
  state_->sockets.clear();
}

}  // namespace webpool::net
