// Clients that speak TLS as a browser does, blocking, and a certificate for the server they talk
// to. For tests only.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <memory>
#include <string>

#include "net/certificate.h"
#include "net/test_server.h"

namespace webpool::net {

namespace ssl = boost::asio::ssl;
namespace http = boost::beast::http;

/// For 127.0.0.1 and localhost; the same for all tests of a program.
inline const PemPair& testPem() {
  static const auto pem =
      makeCertificate({"127.0.0.1", "localhost"}, std::chrono::system_clock::now());
  return *pem;
}

inline std::shared_ptr<const TlsIdentity> testIdentity() {
  auto identity = TlsIdentity::fromPem(testPem().certificate, "test certificate", testPem().key,
                                       "test key", std::chrono::system_clock::now());
  return identity ? *identity : nullptr;
}

/// Trusts the test certificate and no other.
class TlsClient {
 public:
  using Stream = ssl::stream<tcp::socket>;

  explicit TlsClient(std::uint16_t port, int newestVersion = 0)
      : context_(ssl::context::tls_client), stream_(io_, trust(context_, newestVersion)) {
    stream_.next_layer().connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
    stream_.set_verify_mode(ssl::verify_peer);
    stream_.set_verify_callback(ssl::host_name_verification("127.0.0.1"));
  }

  boost::system::error_code handshake(const std::string& serverName = "") {
    if (!serverName.empty()) SSL_set_tlsext_host_name(stream_.native_handle(), serverName.c_str());
    boost::system::error_code error;
    stream_.handshake(Stream::client, error);
    return error;
  }

  http::response<http::string_body> send(http::request<http::string_body> request) {
    boost::system::error_code error;
    request.prepare_payload();
    http::write(stream_, request, error);
    http::response_parser<http::string_body> parser;
    parser.body_limit(64u << 20);
    if (!error) http::read(stream_, buffer_, parser, error);
    if (error) {
      failed = error;
      return {};
    }
    return parser.release();
  }

  http::response<http::string_body> get(const std::string& target, const std::string& host,
                                        const std::string& origin = "") {
    http::request<http::string_body> request(http::verb::get, target, 11);
    request.set(http::field::host, host);
    if (!origin.empty()) request.set(http::field::origin, origin);
    return send(std::move(request));
  }

  /// What ends the connection: a good-bye of TLS is end of file.
  boost::system::error_code readToEnd() {
    char buffer[4096];
    boost::system::error_code error;
    while (!error) stream_.read_some(asio::buffer(buffer), error);
    return error;
  }

  std::string version() const { return SSL_get_version(handle()); }
  SSL* handle() const { return const_cast<Stream&>(stream_).native_handle(); }
  Stream& stream() { return stream_; }

  boost::system::error_code failed;

 private:
  static ssl::context& trust(ssl::context& context, int newestVersion) {
    context.add_certificate_authority(asio::buffer(testPem().certificate));
    if (newestVersion != 0) {
      SSL_CTX_set_max_proto_version(context.native_handle(), newestVersion);
      // Debian's OpenSSL does not even offer old versions at its usual level.
      SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_VERSION);
      SSL_CTX_set_cipher_list(context.native_handle(), "DEFAULT:@SECLEVEL=0");
    }
    return context;
  }

  asio::io_context io_;
  ssl::context context_;
  Stream stream_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace webpool::net
