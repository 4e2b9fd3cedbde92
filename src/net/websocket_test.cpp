#include <gmock/gmock.h>

#include <optional>

#include "net/test_websocket.h"

namespace webpool::net {
namespace {

using session::CloseCode;

std::string pattern(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i + seed) * 131 % 253);
  return bytes;
}

TEST_F(WebSocketTest, FramesBothWaysOfManySizes) {
  serve();
  auto client = connect();
  onLoop([this] {
    last().react = [this](Bytes frame) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame.data()) % 16, 0u);
      last().channel->send({frame});
    };
  });
  for (const std::size_t size : {0u, 1u, 125u, 126u, 127u, 1400u, 1520u, 1528u, 1529u, 1530u, 1535u,
                                 1536u, 1537u, 65535u, 65536u, 1u << 20, (9u << 20) + 7}) {
    const auto sent = pattern(size, 3);
    client->send(sent);
    EXPECT_TRUE(client->receive() == sent) << size;
    EXPECT_TRUE(client->stream().got_binary());
  }
}

TEST_F(WebSocketTest, ManyFramesInFlightKeepTheirOrder) {
  serve();
  auto client = connect();
  onLoop([this] { last().react = [this](Bytes frame) { last().channel->send({frame}); }; });
  std::thread writer([&] {
    for (unsigned i = 0; i < 500; ++i) client->send(pattern(i * 97 % 7000, i));
  });
  for (unsigned i = 0; i < 500; ++i) {
    ASSERT_TRUE(client->receive() == pattern(i * 97 % 7000, i)) << i;
  }
  writer.join();
}

TEST_F(WebSocketTest, FragmentedMessagesAreOneFrame) {
  serve();
  auto client = connect();
  const auto sent = pattern(3'000'001, 5);
  std::size_t at = 0;
  for (const std::size_t part : {1u, 0u, 1000u, 2000u, 100'000u, 1'500'000u}) {
    client->stream().write_some(false, asio::buffer(sent.data() + at, part));
    at += part;
  }
  client->stream().write_some(true, asio::buffer(sent.data() + at, sent.size() - at));
  waitFor([this] { return last().received.size() == 1; });
  onLoop([&] {
    EXPECT_TRUE(last().received[0].text() == sent);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(last().received[0].data()) % 16, 0u);
  });
}

TEST_F(WebSocketTest, ThePartsOfAFrameAreToldBeforeItIsWhole) {
  serve();
  auto client = connect();
  client->stream().write_some(false, asio::buffer(std::string(1000, 'x')));
  waitFor([this] { return last().parts > 0; });
  onLoop([this] { EXPECT_EQ(last().frames, 0); });
  client->stream().write_some(true, asio::buffer(std::string(1000, 'x')));
  waitFor([this] { return last().received.size() == 1; });
  onLoop([this] { EXPECT_EQ(last().received[0].size(), 2000u); });
}

TEST_F(WebSocketTest, PiecesAreOneMessageAndAreLetGoWhenSent) {
  serve();
  auto client = connect();
  const auto big = std::make_shared<std::string>(pattern(2'000'000, 1));
  onLoop([&] {
    std::vector<Bytes> pieces;
    for (int i = 0; i < 200; ++i) pieces.push_back(bytesOf(std::to_string(i) + ","));
    pieces.push_back(Bytes());
    pieces.push_back(Bytes(big, std::as_bytes(std::span(*big))));
    last().channel->send(std::move(pieces));
    EXPECT_GT(last().channel->queuedBytes(), 2'000'000u);
    last().channel->send({});
    last().channel->send({bytesOf("next")});
  });
  std::string expected;
  for (int i = 0; i < 200; ++i) expected += std::to_string(i) + ",";
  expected += *big;
  EXPECT_TRUE(client->receive() == expected);
  EXPECT_EQ(client->receive(), "");
  EXPECT_EQ(client->receive(), "next");
  waitFor([this] { return last().channel->queuedBytes() == 0; });
  EXPECT_EQ(big.use_count(), 1);
}

TEST_F(WebSocketTest, FactorySeesTheRequestAndMaySendAtOnce) {
  onOpen = [](Listener& listener) {
    listener.channel->send({bytesOf("welcome, "), bytesOf("page")});
  };
  serve();
  WebSocketClient client(server_->port());
  ASSERT_FALSE(client.handshake(host(), "/socket?a=1", "http://" + host()));
  EXPECT_EQ(client.receive(), "welcome, page");
  onLoop([&] {
    EXPECT_EQ(last().info.path, "/socket");
    EXPECT_EQ(last().info.query, "a=1");
    EXPECT_EQ(last().info.headers.get("Origin"), "http://" + host());
    EXPECT_THAT(last().info.peer, testing::StartsWith("127.0.0.1:"));
  });
}

TEST_F(WebSocketTest, CloseComesAfterWhatWasQueued) {
  serve();
  auto client = connect();
  const auto big = pattern(20'000'000, 2);
  onLoop([&] {
    last().channel->send({bytesOf("first")});
    last().channel->send({bytesOf(big)});
    last().channel->close(CloseCode::Unauthorized, "wrong token");
    last().channel->close(CloseCode::Normal, "ignored");
    last().channel->send({bytesOf("after the close")});
    EXPECT_FALSE(last().closed) << "never inside close()";
  });
  EXPECT_EQ(client->receive(), "first");
  EXPECT_TRUE(client->receive() == big);
  EXPECT_EQ(client->closeCode(), 4401);
  EXPECT_EQ(client->closeReason(), "wrong token");
  waitFor([this] { return last().closed; });
  onLoop([this] {
    EXPECT_EQ(last().code, 4401);
    EXPECT_EQ(last().reason, "wrong token");
  });
  waitFor([this] { return server_->connections() == 0; });
}

TEST_F(WebSocketTest, LongReasonsAreCutBetweenCharacters) {
  serve();
  auto client = connect();
  std::string reason = "x";
  while (reason.size() < 200) reason += "é";
  onLoop([&] { last().channel->close(CloseCode::Protocol, reason); });
  EXPECT_EQ(client->closeCode(), 4400);
  EXPECT_EQ(client->closeReason(), reason.substr(0, 123));
}

TEST_F(WebSocketTest, PeerMayClose) {
  serve();
  auto client = connect();
  client->stream().close({websocket::close_code::normal, "bye"});
  waitFor([this] { return last().closed; });
  onLoop([this] {
    EXPECT_EQ(last().code, 1000);
    EXPECT_EQ(last().reason, "bye");
  });
}

TEST_F(WebSocketTest, DestroyingTheChannelClosesAndCallsNobody) {
  serve();
  auto client = connect();
  onLoop([this] { last().channel.reset(); });
  EXPECT_EQ(client->closeCode(), 1000);
  waitFor([this] { return server_->connections() == 0; });
  onLoop([this] { EXPECT_FALSE(last().closed); });
}

TEST_F(WebSocketTest, DestroyingTheChannelInsideAFrame) {
  serve();
  auto client = connect();
  onLoop([this] { last().react = [this](Bytes) { last().channel.reset(); }; });
  client->send("one");
  client->send("two");
  EXPECT_EQ(client->closeCode(), 1000);
  onLoop([this] { EXPECT_EQ(last().frames, 1); });
}

TEST_F(WebSocketTest, ClosingInsideAFrameStopsFrames) {
  serve();
  auto client = connect();
  onLoop([this] {
    last().react = [this](Bytes) { last().channel->close(CloseCode::Protocol, "bad frame"); };
  });
  for (int i = 0; i < 5; ++i) client->send(pattern(5000, 1));
  EXPECT_EQ(client->closeCode(), 4400);
  waitFor([this] { return last().closed; });
  onLoop([this] { EXPECT_EQ(last().frames, 1); });
}

TEST_F(WebSocketTest, NullListenerRefuses) {
  start();
  onLoop([this] {
    server_->onWebSocket("/socket", [](std::unique_ptr<session::Channel>, const RequestInfo&) {
      return static_cast<session::ChannelListener*>(nullptr);
    });
  });
  WebSocketClient client(server_->port());
  ASSERT_FALSE(client.handshake(host(), "/socket", "http://" + host()));
  EXPECT_EQ(client.closeCode(), 4401);
}

TEST_F(WebSocketTest, PingIsAnswered) {
  serve();
  auto client = connect();
  std::string pong;
  client->stream().control_callback(
      [&](websocket::frame_type type, boost::beast::string_view data) {
        if (type == websocket::frame_type::pong) pong = std::string(data);
      });
  client->stream().ping("are you there");
  client->send("x");
  waitFor([this] { return last().frames == 1; });
  onLoop([this] { last().channel->close(CloseCode::Normal, ""); });
  EXPECT_EQ(client->closeCode(), 1000);
  EXPECT_EQ(pong, "are you there");
}

TEST_F(WebSocketTest, CompressionIsNotOffered) {
  serve();
  RawClient client(server_->port());
  const auto response = client.get(
      "/socket", host(),
      "Origin: http://" + host() +
          "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
          "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  EXPECT_EQ(response.status, 101);
  EXPECT_EQ(response.field("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(response.field("Sec-WebSocket-Extensions"), "");
}

TEST_F(WebSocketTest, ManyPeersAtOnce) {
  serve();
  onOpen = [](Listener& listener) {
    listener.react = [&listener](Bytes frame) { listener.channel->send({frame}); };
  };
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      WebSocketClient client(server_->port());
      ASSERT_FALSE(client.handshake(host(), "/socket", "http://" + host()));
      for (unsigned i = 0; i < 20; ++i) {
        const auto sent = pattern(1 + i * 5003, t);
        client.send(sent);
        right += client.receive() == sent;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 16 * 20);
}

TEST_F(WebSocketTest, StopTellsPagesAndCallsNoListener) {
  serve();
  auto client = connect();
  auto silent = connect();
  const auto port = server_->port();
  onLoop([&] {
    server_->stop();
    EXPECT_TRUE(Server::listen(loop_, {.port = port}));
    last().channel->send({bytesOf("nothing happens")});
    last().channel->close(CloseCode::Normal, "nothing happens");
  });
  // By hand: Beast's client reports the reset that its answer meets, not the code.
  char frame[4];
  asio::read(client->stream().next_layer(), asio::buffer(frame));
  EXPECT_EQ(std::string(frame, 4), "\x88\x02\x03\xe9");
  asio::read(silent->stream().next_layer(), asio::buffer(frame));
  onLoop([this] {
    EXPECT_EQ(server_->connections(), 0u);
    for (const auto& listener : listeners) EXPECT_FALSE(listener->closed);
  });
}

TEST(WebSocketLifetime, LoopMayEndBeforeTheChannel) {
  std::unique_ptr<session::Channel> kept;
  {
    EventLoop loop;
    auto server = Server::listen(loop, {});
    ASSERT_TRUE(server);
    Listener listener;
    (*server)->onWebSocket("/", [&](std::unique_ptr<session::Channel> channel, const RequestInfo&) {
      kept = std::move(channel);
      loop.stop();
      return &listener;
    });
    const auto name = "127.0.0.1:" + std::to_string((*server)->port());
    const auto port = (*server)->port();
    std::thread page([&] {
      WebSocketClient client(port);
      EXPECT_FALSE(client.handshake(name, "/", "http://" + name));
      client.closeCode();
    });
    loop.run();
    server->reset();
    page.join();
    EXPECT_FALSE(listener.closed);
  }
  kept->send({bytesOf("to nobody")});
  kept.reset();
}

}  // namespace
}  // namespace webpool::net
