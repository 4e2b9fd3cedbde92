// A connection's bytes, plain or through TLS, for code that is written once for both. Inside
// src/net only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <string>
#include <type_traits>
#include <vector>

#include "net/tls_identity.h"

namespace webpool::net {

/// What sockets, timers and coroutines of a loop run on. By its own type, not as any_io_executor:
/// that one is copied and looked into at each step of each operation.
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using SteadyTimer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;
template <class T>
using Awaitable = boost::asio::awaitable<T, Executor>;

using PlainStream = Socket;
using TlsStream = boost::asio::ssl::stream<Socket>;

template <class Stream>
inline constexpr bool kIsTls = std::is_base_of_v<TlsStream, Stream>;

inline Socket& socketOf(Socket& stream) noexcept {
  return stream;
}
inline Socket& socketOf(TlsStream& stream) noexcept {
  return stream.next_layer();
}

/// "address:port" of the other end; an IPv4 address as such also where an IPv6 socket took it.
std::string peerText(const Socket& socket);

struct TlsIdentity::Impl {
  /// Asio wants it changeable though a finished one may be shared.
  mutable boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
  std::string fingerprint;
  WallTime expires;
  std::vector<std::string> names;
};

}  // namespace webpool::net
