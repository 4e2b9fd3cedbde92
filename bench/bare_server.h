// The least that a C++ program needs to talk to a page: blocking Beast, one thread a connection, no
// checks. What the pool's server is compared with.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "webpool/tensor.h"

namespace webpool::bench {

/// Thread-safe. Browsers that are connected must have ended before it is destroyed.
class BareServer {
 public:
  using WebSocket = boost::beast::websocket::stream<boost::asio::ip::tcp::socket>;

  BareServer();
  ~BareServer();
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;

  /// Every file of the folder, under `prefix` ("/pages/").
  void serveFolder(std::string prefix, std::filesystem::path folder);
  void serveBytes(std::string path, Bytes bytes);

  /// "http://127.0.0.1:8080"
  std::string origin() const;

  /// The WebSocket that a page opens next, on whatever path. Throws BenchFailure after `limit`.
  std::unique_ptr<WebSocket> nextPage(std::chrono::milliseconds limit);

 private:
  void accept();
  void serve(boost::asio::ip::tcp::socket socket);
  Bytes find(const std::string& path);

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::mutex mutex_;  ///< for all below
  std::condition_variable arrived_;
  std::map<std::string, std::filesystem::path> folders_;
  std::map<std::string, Bytes> files_;
  std::deque<std::unique_ptr<WebSocket>> pages_;
  std::vector<std::jthread> connections_;
  std::jthread acceptThread_;
};

}  // namespace webpool::bench
