// webpool_bench_client: the test client of the connections figure. It is no browser: it opens one
// WebSocket for each token that it reads, says hello as a page does, and stays, answering the
// heartbeat. bench/connections.cpp drives it:
//   webpool_bench_client PORT COUNT   reads COUNT tokens, a line each; answers "connected", and
//                                     "heartbeat" when each connection has answered one more ping
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "failure.h"
#include "file_limit.h"
#include "wire/frame.h"
#include "wire/messages.h"

namespace webpool::bench {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;

/// How many pings the slowest connection has answered.
class Heartbeats {
 public:
  explicit Heartbeats(std::size_t connections) : connections_(connections) {}

  void answered(unsigned times) {
    if (times > counts_.size()) counts_.resize(times);
    if (++counts_[times - 1] == connections_) std::cout << "heartbeat" << std::endl;
  }

 private:
  std::size_t connections_;
  std::vector<std::size_t> counts_;  ///< connections that have answered so many and more
};

wire::Hello helloWith(const std::string& token) {
  wire::Hello hello;
  hello.token = token;
  hello.pageVersion = "webpool_bench_client";
  hello.capabilities.browser = {"webpool_bench_client", "webpool_bench_client", "1"};
  return hello;
}

class TestConnection {
 public:
  /// `welcomed` is called once, when the server has taken the hello.
  TestConnection(asio::io_context& context, std::uint16_t port, std::string token,
                 Heartbeats& heartbeats, std::function<void()> welcomed)
      : socket_(context),
        host_("127.0.0.1:" + std::to_string(port)),
        token_(std::move(token)),
        heartbeats_(heartbeats),
        welcomed_(std::move(welcomed)) {
    socket_.next_layer().connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
    socket_.set_option(
        websocket::stream_base::decorator([host = host_](websocket::request_type& request) {
          request.set(boost::beast::http::field::origin, "http://" + host);
        }));
    socket_.binary(true);
    socket_.async_handshake(host_, "/worker/socket", [this](boost::system::error_code error) {
      require(!error, "the WebSocket was not opened: " + error.message());
      send(helloWith(token_));
      read();
    });
  }

 private:
  void read() {
    socket_.async_read(buffer_, [this](boost::system::error_code error, std::size_t) {
      require(!error, "a connection ended: " + error.message());
      const auto frame = valueOf(
          wire::decodePoolMessage(Bytes::adopt(boost::beast::buffers_to_string(buffer_.data()))));
      buffer_.clear();
      require(frame.has_value(), "a message of an unknown type");
      if (std::holds_alternative<wire::Welcome>(frame->message)) {
        welcomed_();
      } else if (const auto* ping = std::get_if<wire::Ping>(&frame->message)) {
        send(wire::Pong{ping->id});
        heartbeats_.answered(++answered_);
      }
      read();
    });
  }

  void send(const wire::PageMessage& message) {
    const auto frame = wire::joinFrame(valueOf(wire::encodeMessage(message)));
    socket_.write(asio::buffer(frame.data(), frame.size()));
  }

  websocket::stream<tcp::socket> socket_;
  std::string host_;
  std::string token_;
  Heartbeats& heartbeats_;
  std::function<void()> welcomed_;
  boost::beast::flat_buffer buffer_;
  unsigned answered_ = 0;
};

int main(std::uint16_t port, std::size_t count) {
  allowManyFiles();
  asio::io_context context;
  Heartbeats heartbeats(count);
  std::deque<TestConnection> connections;
  // One after the other, so that no more than one says nothing at a time.
  std::function<void()> connectNext = [&] {
    std::string token;
    if (connections.size() == count || !std::getline(std::cin, token)) {
      std::cout << "connected" << std::endl;
      return;
    }
    connections.emplace_back(context, port, std::move(token), heartbeats, connectNext);
  };
  connectNext();
  context.run();
  return 0;
}

}  // namespace
}  // namespace webpool::bench

int main(int argc, char** argv) {
  try {
    webpool::bench::require(argc == 3, "usage: webpool_bench_client PORT COUNT");
    return webpool::bench::main(static_cast<std::uint16_t>(std::atoi(argv[1])),
                                static_cast<std::size_t>(std::atol(argv[2])));
  } catch (const std::exception& error) {
    std::cerr << "webpool_bench_client: " << error.what() << std::endl;
    return 1;
  }
}
