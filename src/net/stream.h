// A connection's bytes, plain or through TLS, for code that is written once for both. Inside
// src/net only.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "net/tls_identity.h"

namespace webpool::net {

using PlainStream = boost::asio::ip::tcp::socket;
using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

template <class Stream>
inline constexpr bool kIsTls = std::is_base_of_v<TlsStream, Stream>;

inline boost::asio::ip::tcp::socket& socketOf(boost::asio::ip::tcp::socket& stream) noexcept {
  return stream;
}
inline boost::asio::ip::tcp::socket& socketOf(TlsStream& stream) noexcept {
  return stream.next_layer();
}

/// "address:port" of the other end; an IPv4 address as such also where an IPv6 socket took it.
std::string peerText(const boost::asio::ip::tcp::socket& socket);

struct TlsIdentity::Impl {
  /// Asio wants it changeable though a finished one may be shared.
  mutable boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
  std::string fingerprint;
  WallTime expires;
  std::vector<std::string> names;
};

}  // namespace webpool::net
