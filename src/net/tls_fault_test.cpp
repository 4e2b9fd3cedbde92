// Peers of a TLS port that do not do their part.
#include <gmock/gmock.h>

#include "net/test_tls.h"

namespace webpool::net {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class TlsFaultTest : public ServerTest {
 protected:
  void serveTls(ServerOptions options = {}) {
    options.tls = testIdentity();
    start(std::move(options));
    onLoop([this] {
      server_->route("GET", "/hello", [](const Request&, const auto& respond) {
        respond(textResponse(200, "hello"));
      });
    });
  }
  void expectServes() {
    TlsClient client(server_->port());
    ASSERT_FALSE(client.handshake());
    EXPECT_EQ(client.get("/hello", host()).result_int(), 200u);
  }
};

TEST_F(TlsFaultTest, PlainHttpIsToldSo) {
  serveTls();
  RawClient client(server_->port());
  const auto response = client.get("/hello", host());
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("HTTPS"));
  EXPECT_TRUE(client.readToEnd());
  expectServes();
}

TEST_F(TlsFaultTest, GarbageInTheHandshakeEndsIt) {
  serveTls();
  RawClient client(server_->port());
  client.send(std::string("\x16\x03\x01\x00\x04gibb", 9));
  EXPECT_TRUE(client.readToEnd());
  EXPECT_EQ(client.pending().substr(0, 1), "\x15") << "an alert says that it is over";
  expectServes();
}

TEST_F(TlsFaultTest, SilentPeerIsDroppedInTime) {
  serveTls({.handshakeTimeout = milliseconds(20)});
  RawClient client(server_->port());
  EXPECT_TRUE(client.readToEnd());
  EXPECT_EQ(client.pending(), "");
}

TEST_F(TlsFaultTest, HandshakeThatStopsHalfwayIsDroppedInTime) {
  serveTls({.handshakeTimeout = milliseconds(20)});
  RawClient client(server_->port());
  client.send(std::string("\x16\x03\x01\x02\x00", 5));
  EXPECT_TRUE(client.readToEnd());
}

TEST_F(TlsFaultTest, PeerThatSendsNoRequestIsDroppedInTime) {
  serveTls({.headerTimeout = milliseconds(20)});
  TlsClient client(server_->port());
  ASSERT_FALSE(client.handshake());
  EXPECT_TRUE(client.readToEnd());
}

TEST_F(TlsFaultTest, PeerThatDoesNotTrustUsLeavesUsWhole) {
  serveTls();
  ssl::context context(ssl::context::tls_client);  // trusts nobody
  asio::io_context io;
  ssl::stream<tcp::socket> stream(io, context);
  stream.next_layer().connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), server_->port()));
  stream.set_verify_mode(ssl::verify_peer);
  boost::system::error_code error;
  stream.handshake(ssl::stream_base::client, error);
  EXPECT_TRUE(error);
  stream.next_layer().close(error);
  expectServes();
}

TEST_F(TlsFaultTest, StopEndsHandshakesAndConnections) {
  serveTls();
  RawClient half(server_->port());
  half.send(std::string("\x16\x03\x01\x02\x00", 5));
  TlsClient whole(server_->port());
  ASSERT_FALSE(whole.handshake());
  EXPECT_EQ(whole.get("/hello", host()).result_int(), 200u);
  onLoop([this] { server_->stop(); });
  EXPECT_TRUE(half.readToEnd());
  EXPECT_TRUE(whole.readToEnd());
  EXPECT_EQ(onLoop([this] { return server_->connections(); }), 0u);
}

TEST_F(TlsFaultTest, TooManyConnectionsAreEnded) {
  serveTls({.maxConnections = 1});
  TlsClient first(server_->port());
  ASSERT_FALSE(first.handshake());
  TlsClient second(server_->port());
  EXPECT_FALSE(second.handshake());
  EXPECT_EQ(second.get("/hello", host()).result_int(), 200u);
  EXPECT_TRUE(first.readToEnd()) << "it had asked nothing";
}

}  // namespace
}  // namespace webpool::net
