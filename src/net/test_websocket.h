// A page's end of a WebSocket and a listener that keeps what it is told. For the tests of src/net
// only.
#pragma once

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/test_server.h"

namespace webpool::net {

namespace websocket = boost::beast::websocket;

/// Loop thread only.
struct Listener : session::ChannelListener {
  void onFrame(Bytes frame) override {
    ++frames;
    if (react) return react(std::move(frame));
    received.push_back(std::move(frame));
  }
  void onPart() override { ++parts; }
  void onClosed(std::uint16_t c, std::string r) override {
    EXPECT_FALSE(closed) << "onClosed comes once";
    closed = true;
    code = c;
    reason = std::move(r);
    channel.reset();
  }

  std::unique_ptr<session::Channel> channel;
  RequestInfo info;
  std::vector<Bytes> received;
  std::function<void(Bytes)> react;
  int frames = 0;
  int parts = 0;
  bool closed = false;
  std::uint16_t code = 0;
  std::string reason;
};

/// Blocking, with Beast's own framing and masking.
class WebSocketClient {
 public:
  explicit WebSocketClient(std::uint16_t port) : stream_(context_) {
    stream_.next_layer().connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
    stream_.auto_fragment(false);
    stream_.binary(true);
    stream_.read_message_max(0);
  }

  boost::system::error_code handshake(const std::string& host, const std::string& target,
                                      const std::string& origin) {
    stream_.set_option(websocket::stream_base::decorator([origin](websocket::request_type& r) {
      if (!origin.empty()) r.set(boost::beast::http::field::origin, origin);
    }));
    boost::system::error_code error;
    response_ = {};
    stream_.handshake(response_, host, target, error);
    return error;
  }

  void send(std::string_view bytes) {
    boost::system::error_code ignored;
    stream_.write(asio::buffer(bytes), ignored);
  }

  /// Empty when the connection is over; closeCode() tells why.
  std::string receive() {
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    stream_.read(buffer, error);
    if (error) error_ = error;
    return boost::beast::buffers_to_string(buffer.data());
  }

  /// Reads on to the end.
  std::uint16_t closeCode() {
    while (!error_) receive();
    return error_ == websocket::error::closed ? stream_.reason().code : std::uint16_t{1006};
  }
  std::string closeReason() {
    const auto& reason = stream_.reason().reason;
    return {reason.begin(), reason.end()};
  }

  websocket::stream<tcp::socket, false>& stream() { return stream_; }
  const websocket::response_type& response() const { return response_; }

 private:
  asio::io_context context_;
  websocket::stream<tcp::socket, false> stream_;
  websocket::response_type response_;
  boost::system::error_code error_;
};

class WebSocketTest : public ServerTest {
 protected:
  void serve(ServerOptions options = {}) {
    start(std::move(options));
    onLoop([this] {
      server_->onWebSocket("/socket",
                           [this](std::unique_ptr<session::Channel> channel, RequestInfo info) {
                             auto listener = std::make_unique<Listener>();
                             listener->channel = std::move(channel);
                             listener->info = std::move(info);
                             if (onOpen) onOpen(*listener);
                             listeners.push_back(std::move(listener));
                             return listeners.back().get();
                           });
    });
  }

  void TearDown() override {
    if (thread_.joinable()) {
      onLoop([this] {
        server_->stop();
        listeners.clear();
      });
    }
    ServerTest::TearDown();
  }

  std::unique_ptr<WebSocketClient> connect() {
    auto client = std::make_unique<WebSocketClient>(server_->port());
    EXPECT_FALSE(client->handshake(host(), "/socket", "http://" + host()));
    // The server's side opens a moment after its answer has left.
    const auto wanted = ++opened_;
    waitFor([this, wanted] { return listeners.size() >= wanted; });
    return client;
  }

  /// Until a condition of the loop thread's state holds.
  void waitFor(const std::function<bool()>& condition) {
    while (!onLoop(condition)) std::this_thread::yield();
  }

  Listener& last() { return *listeners.back(); }

  std::vector<std::unique_ptr<Listener>> listeners;  // loop thread
  std::function<void(Listener&)> onOpen;             // loop thread

 private:
  std::size_t opened_ = 0;
};

inline Bytes bytesOf(std::string_view text) {
  return Bytes::copyOf(text);
}

}  // namespace webpool::net
