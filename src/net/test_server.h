// A server on a loop thread of its own, and clients that talk to it as anybody would: over loopback
// sockets, from the test's thread. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "net/server.h"

namespace webpool::net {

namespace asio = boost::asio;
using asio::ip::tcp;

class ServerTest : public testing::Test {
 protected:
  /// Runs it on the loop thread and waits; gives back what it returned.
  template <class Function>
  auto onLoop(Function function) {
    std::promise<std::invoke_result_t<Function&>> promise;
    auto result = promise.get_future();
    loop_.post([&] {
      if constexpr (std::is_void_v<std::invoke_result_t<Function&>>) {
        function();
        promise.set_value();
      } else {
        promise.set_value(function());
      }
    });
    return result.get();
  }

  void start(ServerOptions options = {}) {
    auto listening = Server::listen(loop_, std::move(options));
    ASSERT_TRUE(listening) << listening.error().describe();
    server_ = std::move(*listening);
    thread_ = std::thread([this] { loop_.run(); });
  }

  void TearDown() override {
    if (thread_.joinable()) {
      onLoop([this] { server_.reset(); });
      loop_.stop();
      thread_.join();
    }
  }

  std::string host() const { return "127.0.0.1:" + std::to_string(server_->port()); }

  EventLoop loop_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

struct ClientResponse {
  int status = 0;
  std::string head;  ///< status line and fields, lower-cased names not guaranteed
  std::string body;

  std::string field(std::string_view name) const {
    for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at)) {
      at += 2;
      const auto line = std::string_view(head).substr(at, head.find("\r\n", at) - at);
      if (line.size() > name.size() && line[name.size()] == ':' &&
          equalIgnoringCase(line.substr(0, name.size()), name)) {
        const auto value = line.find_first_not_of(' ', name.size() + 1);
        return std::string(line.substr(std::min(value, line.size())));
      }
    }
    return {};
  }
};

/// A plain blocking socket.
class RawClient {
 public:
  /// `takes`: bytes that wait in its socket at most, roughly; 0: the system's usual.
  explicit RawClient(std::uint16_t port, int takes = 0) : socket_(context_) {
    socket_.open(tcp::v4());
    if (takes > 0) socket_.set_option(asio::socket_base::receive_buffer_size(takes));
    socket_.connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port));
  }

  void send(std::string_view bytes) {
    boost::system::error_code ignored;  // the server may hang up first
    asio::write(socket_, asio::buffer(bytes), ignored);
  }

  /// True when the server has ended the connection; bytes that still come are kept in `rest`.
  bool readToEnd() {
    char buffer[65536];
    while (true) {
      boost::system::error_code error;
      const auto count = socket_.read_some(asio::buffer(buffer), error);
      pending_.append(buffer, count);
      if (error) return true;
    }
  }

  ClientResponse receive(bool hasBody = true) {
    ClientResponse response;
    std::size_t end = 0;
    while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return response;
    }
    response.head = pending_.substr(0, end + 2);
    pending_.erase(0, end + 4);
    response.status = std::stoi(response.head.substr(9, 3));
    const auto length = response.field("Content-Length");
    if (hasBody && !length.empty()) {
      const auto size = std::stoull(length);
      while (pending_.size() < size) {
        if (!more()) break;
      }
      response.body = pending_.substr(0, size);
      pending_.erase(0, size);
    }
    return response;
  }

  ClientResponse get(const std::string& target, const std::string& hostName,
                     const std::string& extra = "", const std::string& method = "GET") {
    send(method + " " + target + " HTTP/1.1\r\nHost: " + hostName + "\r\n" + extra + "\r\n");
    return receive(method != "HEAD");
  }

  const std::string& pending() const { return pending_; }
  tcp::socket& socket() { return socket_; }

  /// Ends with a reset, as a killed process with unread data does.
  void abort() {
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }

 private:
  bool more() {
    char buffer[65536];
    boost::system::error_code error;
    const auto count = socket_.read_some(asio::buffer(buffer), error);
    pending_.append(buffer, count);
    return !error;
  }

  asio::io_context context_;
  tcp::socket socket_;
  std::string pending_;
};

}  // namespace webpool::net
