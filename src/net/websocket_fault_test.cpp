// WebSocket peers that are foreign, hostile, broken or gone.
#include <gmock/gmock.h>

#include "net/test_websocket.h"

namespace webpool::net {
namespace {

using session::CloseCode;
using std::chrono::milliseconds;
using testing::HasSubstr;

/// A masked client frame's first bytes: the mask is zero, so that the payload can be sent as it is.
std::string frameHead(unsigned char first, std::uint64_t length) {
  std::string head{static_cast<char>(first)};
  if (length < 126) {
    head += static_cast<char>(0x80 | length);
  } else {
    head += static_cast<char>(0xff);
    for (int shift = 56; shift >= 0; shift -= 8) head += static_cast<char>(length >> shift);
  }
  return head + std::string(4, '\0');
}

class WebSocketFaultTest : public WebSocketTest {
 protected:
  std::string upgrade(const std::string& extra) {
    return "GET /socket HTTP/1.1\r\nHost: " + host() +
           "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           extra + "\r\n";
  }
  std::string ownOrigin() { return "Origin: http://" + host() + "\r\n"; }

  /// An open WebSocket on which any bytes can be sent.
  std::unique_ptr<RawClient> openRaw() {
    auto client = std::make_unique<RawClient>(server_->port());
    client->send(upgrade(ownOrigin()));
    EXPECT_EQ(client->receive(false).status, 101);
    const auto wanted = ++opened_;
    waitFor([this, wanted] { return listeners.size() >= wanted; });
    return client;
  }

  /// The code and reason of the close frame with which the server's bytes end.
  std::pair<int, std::string> closeFrameOf(RawClient& client) {
    EXPECT_TRUE(client.readToEnd());
    const auto& bytes = client.pending();
    const auto at = bytes.find('\x88');
    if (at == std::string::npos || bytes.size() < at + 4) return {0, ""};
    const auto high = static_cast<unsigned char>(bytes[at + 2]);
    const auto low = static_cast<unsigned char>(bytes[at + 3]);
    return {high << 8 | low, bytes.substr(at + 4)};
  }

  void expectClosedWith(int code) {
    waitFor([this] { return last().closed; });
    onLoop([&] { EXPECT_EQ(last().code, code); });
    waitFor([this] { return server_->connections() == 0; });
  }

  std::size_t opened_ = 0;
};

TEST_F(WebSocketFaultTest, UpgradeNeedsOurOwnOriginAndName) {
  serve();
  const auto statusOf = [&](const std::string& request) {
    RawClient client(server_->port());
    client.send(request);
    const auto response = client.receive();
    EXPECT_TRUE(client.readToEnd());
    return response.status;
  };
  EXPECT_EQ(statusOf(upgrade("")), 403);
  EXPECT_EQ(statusOf(upgrade("Origin: http://evil.example\r\n")), 403);
  EXPECT_EQ(statusOf(upgrade("Origin: null\r\n")), 403);
  EXPECT_EQ(statusOf(upgrade("Origin: https://" + host() + "\r\n")), 403);
  EXPECT_EQ(statusOf(upgrade(ownOrigin() + "Sec-Fetch-Site: cross-site\r\n")), 403);
  auto rebound = upgrade("Origin: http://evil.example\r\n");
  rebound.replace(rebound.find(host()), host().size(), "evil.example");
  EXPECT_EQ(statusOf(rebound), 421);
  auto elsewhere = upgrade(ownOrigin());
  elsewhere.replace(elsewhere.find("/socket"), 7, "/nowhere");
  EXPECT_EQ(statusOf(elsewhere), 404);
  onLoop([this] { EXPECT_TRUE(listeners.empty()); });

  WebSocketClient client(server_->port());
  EXPECT_FALSE(client.handshake(host(), "/socket", "http://" + host()));
}

TEST_F(WebSocketFaultTest, BrokenUpgradesAreRefused) {
  serve();
  {
    RawClient client(server_->port());
    auto request = upgrade(ownOrigin());
    request.replace(request.find("Version: 13"), 11, "Version: 99");
    client.send(request);
    const auto status = client.receive().status;
    EXPECT_TRUE(status == 400 || status == 426) << status;
    EXPECT_TRUE(client.readToEnd());
  }
  {
    RawClient client(server_->port());
    client.send(upgrade(ownOrigin()) + frameHead(0x82, 3) + "abc");
    EXPECT_EQ(client.receive().status, 400);
  }
  {
    RawClient client(server_->port());
    EXPECT_EQ(client.get("/socket", host()).status, 426);
  }
  onLoop([this] { EXPECT_TRUE(listeners.empty()); });
  waitFor([this] { return server_->connections() == 0; });
}

TEST_F(WebSocketFaultTest, TextIs4400) {
  serve();
  auto client = connect();
  client->stream().text(true);
  client->send("{\"type\": \"hello\"}");
  EXPECT_EQ(client->closeCode(), 4400);
  EXPECT_THAT(client->closeReason(), HasSubstr("text"));
  expectClosedWith(4400);
  onLoop([this] { EXPECT_EQ(last().frames, 0); });
}

TEST_F(WebSocketFaultTest, OversizedFrameIs4413BeforeItIsRead) {
  serve({.maxFrameBytes = 100'000});
  auto client = openRaw();
  client->send(frameHead(0x82, 1ull << 40) + "just the beginning");
  // The close frame comes although the payload never does; the peer answers it.
  char answer[2];
  asio::read(client->socket(), asio::buffer(answer));
  EXPECT_EQ(answer[0], '\x88');
  std::string reason(static_cast<unsigned char>(answer[1]), '\0');
  asio::read(client->socket(), asio::buffer(reason));
  EXPECT_EQ(reason.substr(0, 2), "\x11\x3d");  // 4413
  EXPECT_THAT(reason, HasSubstr("100000"));
  client->abort();
  expectClosedWith(4413);
}

TEST_F(WebSocketFaultTest, LengthsThatOverflowAreRefused) {
  serve({.closeTimeout = milliseconds(100)});
  for (const auto length : {~0ull, 1ull << 63, (1ull << 63) - 1, ~0ull - 1535}) {
    for (const unsigned char first : {0x82, 0x02}) {
      auto client = openRaw();
      client->send(frameHead(first, length) + "some");
      const auto [code, reason] = closeFrameOf(*client);
      EXPECT_TRUE(code == 4413 || code == 1002) << code;
      waitFor([this] { return last().closed; });
      onLoop([this] { EXPECT_EQ(last().frames, 0); });
    }
  }
}

TEST_F(WebSocketFaultTest, FrameOfTheLimitPassesAndOneByteMoreDoesNot) {
  serve({.maxFrameBytes = 100'000});
  auto client = connect();
  client->send(std::string(100'000, 'x'));
  waitFor([this] { return last().frames == 1; });
  client->send(std::string(100'001, 'x'));
  EXPECT_EQ(client->closeCode(), 4413);
  expectClosedWith(4413);
  onLoop([this] { EXPECT_EQ(last().frames, 1); });
}

TEST_F(WebSocketFaultTest, FragmentsAreCountedTogether) {
  serve({.maxFrameBytes = 2000});
  auto client = connect();
  boost::system::error_code error;
  const std::string part(100, 'x');
  for (int i = 0; i < 21 && !error; ++i) {
    client->stream().write_some(false, asio::buffer(part), error);
  }
  EXPECT_EQ(client->closeCode(), 4413);
  expectClosedWith(4413);
}

TEST_F(WebSocketFaultTest, AnnouncedButUnsentGigabytesCostNoMemory) {
  serve();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(openRaw());
    clients.back()->send(frameHead(0x82, 1ull << 30) + std::string(5000, 'x'));
  }
  auto client = connect();
  client->send("still here");
  waitFor([this] { return last().frames == 1; });
  for (auto& raw : clients) raw->abort();
  waitFor([this] { return server_->connections() == 1; });
}

TEST_F(WebSocketFaultTest, GarbageEndsTheConnection) {
  serve({.closeTimeout = milliseconds(200)});
  const std::vector<std::string> garbage{
      std::string(64, '\xff'),
      "GET / HTTP/1.1\r\n\r\n",
      std::string("\x82\x03"
                  "abc",
                  5),                                // not masked
      frameHead(0x80, 1) + "x",                      // continues nothing
      frameHead(0x89, 126) + std::string(126, 'x'),  // ping that is too long
      frameHead(0xc2, 1) + "x",                      // reserved bit: compression
      frameHead(0x83, 1) + "x",                      // reserved opcode
  };
  for (const auto& bytes : garbage) {
    auto client = openRaw();
    client->send(bytes);
    const auto [code, reason] = closeFrameOf(*client);
    EXPECT_EQ(code, 1002) << testing::PrintToString(bytes);
    expectClosedWith(1006);
    onLoop([this] { EXPECT_EQ(last().frames, 0); });
  }
}

TEST_F(WebSocketFaultTest, PeerThatNeverHangsUpAfterGarbageIsCut) {
  serve({.closeTimeout = milliseconds(100)});
  auto client = openRaw();
  client->send(std::string(64, '\xff'));
  expectClosedWith(1006);  // and no connection is left, although the client's socket is open
  EXPECT_TRUE(client->socket().is_open());
}

TEST_F(WebSocketFaultTest, PeerThatDoesNotAnswerTheCloseIsCut) {
  serve({.closeTimeout = milliseconds(100)});
  auto client = openRaw();
  onLoop([this] { last().channel->close(CloseCode::HeartbeatLost, "gone"); });
  expectClosedWith(4408);
  EXPECT_EQ(closeFrameOf(*client).first, 4408);
}

TEST_F(WebSocketFaultTest, VanishingPeersAre1006) {
  serve();
  const std::vector<std::string> begun{"", "\x82", frameHead(0x82, 5000) + "only a part",
                                       frameHead(0x82, 1u << 20), frameHead(0x02, 3) + "abc"};
  for (const auto& bytes : begun) {
    {
      auto reset = openRaw();
      reset->send(bytes);
      reset->abort();
      expectClosedWith(1006);
    }
    auto ended = openRaw();
    ended->send(bytes);
    boost::system::error_code ignored;
    ended->socket().shutdown(tcp::socket::shutdown_send, ignored);
    EXPECT_TRUE(ended->readToEnd());
    expectClosedWith(1006);
    onLoop([this] { EXPECT_EQ(last().frames, 0); });
  }
}

TEST_F(WebSocketFaultTest, PeerVanishesWhileItIsSentTo) {
  serve();
  auto client = openRaw();
  onLoop([this] {
    for (int i = 0; i < 50; ++i) last().channel->send({bytesOf(std::string(1u << 20, 'x'))});
  });
  char some[100];
  asio::read(client->socket(), asio::buffer(some));
  client->abort();
  expectClosedWith(1006);
}

TEST_F(WebSocketFaultTest, SendQueueIsBounded) {
  serve({.maxQueuedBytes = 10u << 20, .closeTimeout = milliseconds(100)});
  auto client = openRaw();  // never reads
  const auto piece = bytesOf(std::string(1u << 20, 'x'));
  onLoop([&] {
    for (int i = 0; i < 40; ++i) {
      last().channel->send({piece});
      EXPECT_LE(last().channel->queuedBytes(), 10u << 20);
      EXPECT_FALSE(last().closed) << "never inside send()";
    }
  });
  expectClosedWith(4413);
  onLoop([this] { EXPECT_THAT(last().reason, HasSubstr("does not read")); });
}

TEST_F(WebSocketFaultTest, SendQueueOverflowReachesAPeerThatReadsAgain) {
  serve({.maxQueuedBytes = 4u << 20});
  auto client = connect();
  onLoop([&] {
    last().channel->send({bytesOf(std::string(3u << 20, 'x'))});
    last().channel->send({bytesOf(std::string(2u << 20, 'y'))});
  });
  EXPECT_EQ(client->receive().size(), 3u << 20);
  EXPECT_EQ(client->closeCode(), 4413);
}

TEST_F(WebSocketFaultTest, PeerThatSendsButNeverReadsIsCut) {
  serve({.idleTimeout = milliseconds(100)});
  auto client = openRaw();
  onLoop([this] { last().channel->send({bytesOf(std::string(64u << 20, 'x'))}); });
  client->send(frameHead(0x82, 1) + "x");
  waitFor([this] { return last().frames == 1; });
  expectClosedWith(1006);
  onLoop([this] { EXPECT_THAT(last().reason, HasSubstr("takes nothing")); });
}

TEST_F(WebSocketFaultTest, BothSidesCloseAtOnce) {
  serve();
  for (int i = 0; i < 30; ++i) {
    auto client = connect();
    std::thread closing([&] {
      boost::system::error_code ignored;
      client->stream().close(websocket::close_reason(1000), ignored);
    });
    onLoop([this] {
      if (!last().closed) last().channel->close(CloseCode::Replaced, "newer");
    });
    closing.join();
    waitFor([this] { return last().closed; });
    onLoop([this] { EXPECT_TRUE(last().code == 4409 || last().code == 1000) << last().code; });
  }
  waitFor([this] { return server_->connections() == 0; });
}

}  // namespace
}  // namespace webpool::net
