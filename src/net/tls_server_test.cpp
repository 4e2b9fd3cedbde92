// HTTPS and secure WebSockets against real clients.
#include <gmock/gmock.h>

#include <fcntl.h>
#include <cstdlib>
#include <string>

#include "base/file.h"
#include "net/test_tls.h"
#include "net/test_websocket.h"

namespace webpool::net {
namespace {

using testing::HasSubstr;

class TlsServerTest : public WebSocketTest {
 protected:
  void serveTls(ServerOptions options = {}) {
    options.tls = testIdentity();
    serve(std::move(options));
    onLoop([this] {
      server_->route("GET", "/hello", [](const Request& request, const auto& respond) {
        respond(textResponse(200, "hello " + request.path));
      });
      server_->route("POST", "/count", [](const Request& request, const auto& respond) {
        respond(textResponse(200, std::to_string(request.body.size()) + " from " + request.peer));
      });
    });
  }
  std::string origin() const { return "https://" + host(); }
};

TEST_F(TlsServerTest, AnswersOverOneConnection) {
  serveTls();
  EXPECT_EQ(server_->origin(), origin());
  TlsClient client(server_->port());
  ASSERT_FALSE(client.handshake());
  for (int i = 0; i < 3; ++i) {
    const auto response = client.get("/hello", host());
    EXPECT_EQ(response.result_int(), 200u);
    EXPECT_EQ(response.body(), "hello /hello\n");
    EXPECT_EQ(response["Cross-Origin-Opener-Policy"], "same-origin");
  }
  EXPECT_EQ(client.version(), "TLSv1.3");
}

TEST_F(TlsServerTest, TakesTls12ButNothingOlder) {
  serveTls();
  TlsClient old(server_->port(), TLS1_2_VERSION);
  ASSERT_FALSE(old.handshake());
  EXPECT_EQ(old.version(), "TLSv1.2");
  EXPECT_EQ(old.get("/hello", host()).result_int(), 200u);

  TlsClient tooOld(server_->port(), TLS1_1_VERSION);
  const auto error = tooOld.handshake();
  ASSERT_TRUE(error);
  EXPECT_THAT(error.message(), HasSubstr("protocol version"));
}

TEST_F(TlsServerTest, ResumesSessions) {
  serveTls();
  TlsClient first(server_->port());
  ASSERT_FALSE(first.handshake());
  EXPECT_EQ(first.get("/hello", host()).result_int(),
            200u);  // the ticket comes after the handshake
  SSL_SESSION* session = SSL_get1_session(first.handle());
  TlsClient second(server_->port());
  SSL_set_session(second.handle(), session);
  ASSERT_FALSE(second.handshake());
  EXPECT_EQ(SSL_session_reused(second.handle()), 1);
  EXPECT_EQ(second.get("/hello", host()).result_int(), 200u);
  SSL_SESSION_free(session);
}

TEST_F(TlsServerTest, TakesABodyAndTellsWhoSentIt) {
  serveTls();
  TlsClient client(server_->port());
  ASSERT_FALSE(client.handshake());
  http::request<http::string_body> request(http::verb::post, "/count", 11);
  request.set(http::field::host, host());
  request.body() = std::string(300'000, 'x');
  const auto response = client.send(std::move(request));
  EXPECT_THAT(response.body(), HasSubstr("300000 from 127.0.0.1:"));
}

TEST_F(TlsServerTest, SendsFilesWholeAndInParts) {
  serveTls();
  char name[] = "/tmp/webpool-tls-XXXXXX";
  const int fd = ::mkstemp(name);
  std::string contents;
  for (int i = 0; contents.size() < 3'000'000; ++i) contents += std::to_string(i) + ",";
  ASSERT_TRUE(base::writeAll(fd, std::as_bytes(std::span(contents)), name));
  const auto file = std::make_shared<const base::FileDescriptor>(fd);
  ::unlink(name);
  onLoop([&] {
    server_->route("GET", "/file", [&](const Request& request, const auto& respond) {
      const bool part = request.query == "part";
      Response response;
      response.body = part ? FileRegion{file, 1000, 500'000} : FileRegion{file, 0, contents.size()};
      respond(std::move(response));
    });
  });
  TlsClient client(server_->port());
  ASSERT_FALSE(client.handshake());
  EXPECT_EQ(client.get("/file", host()).body(), contents);
  EXPECT_EQ(client.get("/file?part", host()).body(), contents.substr(1000, 500'000));
}

TEST_F(TlsServerTest, NameInTheHandshakeDoesNotMatterTheHostDoes) {
  serveTls();
  TlsClient client(server_->port());
  ASSERT_FALSE(client.handshake("wrong.example"));
  EXPECT_EQ(client.get("/hello", host()).result_int(), 200u);
  EXPECT_EQ(client.get("/hello", "wrong.example").result_int(), 421u);
}

TEST_F(TlsServerTest, OriginMustBeOurHttpsOne) {
  serveTls();
  TlsClient good(server_->port());
  ASSERT_FALSE(good.handshake());
  EXPECT_EQ(good.get("/hello", host(), origin()).result_int(), 200u);
  EXPECT_EQ(good.get("/hello", host(), "http://" + host()).result_int(), 403u);
}

TEST_F(TlsServerTest, SaysGoodByeInTlsWhenItEndsAConnection) {
  serveTls();
  TlsClient client(server_->port());
  ASSERT_FALSE(client.handshake());
  http::request<http::string_body> request(http::verb::get, "/hello", 11);
  request.set(http::field::host, host());
  request.set(http::field::connection, "close");
  EXPECT_EQ(client.send(std::move(request)).result_int(), 200u);
  EXPECT_EQ(client.readToEnd(), asio::error::eof) << "stream_truncated: without a good-bye";
}

class TlsWebSocket {
 public:
  explicit TlsWebSocket(std::uint16_t port) : client_(port), stream_(client_.stream()) {
    EXPECT_FALSE(client_.handshake());
    stream_.binary(true);
    stream_.read_message_max(0);
  }
  boost::system::error_code open(const std::string& host, const std::string& origin) {
    stream_.set_option(websocket::stream_base::decorator(
        [origin](websocket::request_type& r) { r.set(http::field::origin, origin); }));
    boost::system::error_code error;
    stream_.handshake(host, "/socket", error);
    return error;
  }
  boost::system::error_code send(std::string_view bytes) {
    boost::system::error_code error;
    stream_.write(asio::buffer(bytes), error);
    return error;
  }
  std::string receive() {
    boost::beast::flat_buffer buffer;
    stream_.read(buffer, failed);
    return boost::beast::buffers_to_string(buffer.data());
  }
  websocket::stream<TlsClient::Stream&>& stream() { return stream_; }
  TlsClient& client() { return client_; }

  boost::system::error_code failed;

 private:
  TlsClient client_;
  websocket::stream<TlsClient::Stream&> stream_;
};

TEST_F(TlsServerTest, EchoesFramesSmallAndLarge) {
  serveTls();
  onOpen = [](Listener& listener) {
    listener.react = [&listener](Bytes frame) { listener.channel->send({std::move(frame)}); };
  };
  TlsWebSocket client(server_->port());
  ASSERT_FALSE(client.open(host(), origin()));
  for (const std::size_t size : {0u, 1u, 5000u, 20u << 20}) {
    std::string sent(size, '\0');
    for (std::size_t i = 0; i < size; ++i) sent[i] = static_cast<char>(i * 7);
    // Both sides must read while they write: the server answers with the same amount.
    ASSERT_FALSE(client.send(sent));
    EXPECT_EQ(client.receive(), sent) << size;
  }
}

TEST_F(TlsServerTest, ServerMaySendManyPiecesWhileItReceives) {
  serveTls();
  onOpen = [](Listener& listener) {
    for (int i = 0; i < 50; ++i) {
      listener.channel->send({bytesOf("head"), bytesOf(std::string(100'000, 'x'))});
    }
  };
  TlsWebSocket client(server_->port());
  ASSERT_FALSE(client.open(host(), origin()));
  ASSERT_FALSE(client.send("hello"));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.receive().size(), 100'004u);
  waitFor([this] { return last().received.size() == 1; });
}

TEST_F(TlsServerTest, WebSocketFromAnotherOriginIsRefused) {
  serveTls();
  TlsWebSocket client(server_->port());
  EXPECT_EQ(client.open(host(), "http://" + host()), websocket::error::upgrade_declined);
}

TEST_F(TlsServerTest, CloseIsSeenOnBothSides) {
  serveTls();
  TlsWebSocket one(server_->port());
  ASSERT_FALSE(one.open(host(), origin()));
  waitFor([this] { return listeners.size() == 1; });
  onLoop([this] { last().channel->close(session::CloseCode::Unauthorized, "no"); });
  one.receive();
  EXPECT_EQ(one.failed, websocket::error::closed);
  EXPECT_EQ(one.stream().reason().code, 4401);
  waitFor([this] { return last().closed; });

  TlsWebSocket two(server_->port());
  ASSERT_FALSE(two.open(host(), origin()));
  waitFor([this] { return listeners.size() == 2; });
  boost::system::error_code ignored;
  two.stream().close(websocket::close_reason(4000), ignored);
  waitFor([this] { return last().closed; });
  EXPECT_EQ(last().code, 4000);
  waitFor([this] { return server_->connections() == 0; });
}

TEST_F(TlsServerTest, KilledPeerEndsTheChannel) {
  serveTls();
  TlsWebSocket client(server_->port());
  ASSERT_FALSE(client.open(host(), origin()));
  waitFor([this] { return listeners.size() == 1; });
  auto& socket = client.client().stream().next_layer();
  socket.set_option(asio::socket_base::linger(true, 0));
  socket.close();
  waitFor([this] { return last().closed; });
  EXPECT_EQ(last().code, 1006);
}

}  // namespace
}  // namespace webpool::net
