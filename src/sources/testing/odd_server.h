// A gateway over blocks in memory, on loopback, that misbehaves as it is told. For tests only.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cid/cid.h"

namespace webpool::sources {

using BlockMap = std::map<cid::Cid, std::string>;

class OddServer {
 public:
  struct Request {
    std::string target;
    std::string head;
    int socket = -1;
    unsigned number = 0;  ///< of all requests, from 0
  };
  /// What to do with a request instead of answering it; false: answer it.
  using Oddity = std::function<bool(OddServer&, const Request&)>;

  explicit OddServer(const BlockMap& blocks, Oddity oddity = {})
      : blocks_(blocks), oddity_(std::move(oddity)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { accept(stop); });
  }
  ~OddServer() {
    ending_ = true;
    thread_ = {};
    connections_.clear();
    ::close(listener_);
  }
  OddServer(const OddServer&) = delete;
  OddServer& operator=(const OddServer&) = delete;

  std::string address() const { return fmt::format("http://127.0.0.1:{}", port_); }
  unsigned requests() const { return requests_; }
  unsigned connections() const { return accepted_; }
  unsigned served() const { return served_; }

  /// At most so many bytes a second, over all connections.
  void limit(double bytesPerSecond) { rate_ = bytesPerSecond; }

  static bool say(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  static bool answer(int socket, int status, std::string_view body, std::string_view fields = "") {
    // In one piece: the second of two would wait for the first one's acknowledgement.
    return say(socket, fmt::format("HTTP/1.1 {} x\r\nContent-Length: {}\r\n{}\r\n{}", status,
                                   body.size(), fields, body));
  }
  /// Whether it was asked for the version: then it said that of a Kubo.
  static bool saidKubo(const Request& request) {
    if (request.target != "/version") return false;
    answer(request.socket, 200, "Commit: \nClient Version: kubo/0.43.0\n");
    return true;
  }
  /// Until the client hangs up, or the test ends.
  void hang(int socket) const {
    while (!ending_ && !hungUp(socket)) {
    }
  }
  bool isEnding() const { return ending_; }

 private:
  static bool readable(int socket) {
    pollfd state{.fd = socket, .events = POLLIN, .revents = 0};
    return ::poll(&state, 1, 20) > 0;
  }
  static bool hungUp(int socket) {
    char byte = 0;
    return readable(socket) && ::recv(socket, &byte, 1, MSG_PEEK) <= 0;
  }

  void accept(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!readable(listener_)) continue;
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) continue;
      ++accepted_;
      connections_.emplace_back([this, socket] {
        serve(socket);
        ::close(socket);
      });
    }
  }

  void serve(int socket) {
    std::string head;
    while (!ending_) {
      if (!readable(socket)) continue;
      char byte = 0;
      if (::recv(socket, &byte, 1, 0) <= 0) return;
      head += byte;
      if (!head.ends_with("\r\n\r\n")) continue;
      const auto begin = head.find(' ') + 1;
      const Request request{.target = head.substr(begin, head.find(' ', begin) - begin),
                            .head = head,
                            .socket = socket,
                            .number = requests_++};
      head.clear();
      if (oddity_ && oddity_(*this, request)) return;
      if (!respond(request)) return;
    }
  }

  bool respond(const Request& request) {
    auto text = request.target.substr(std::string_view("/ipfs/").size());
    const auto cid = cid::Cid::parse(text.substr(0, text.find('?')));
    if (cid && cid->isIdentity()) return answer(request.socket, 200, cid->hash().digest);
    const auto block = cid ? blocks_.find(cid->normalized()) : blocks_.end();
    if (block == blocks_.end()) return answer(request.socket, 404, "none");
    ++served_;
    if (rate_ <= 0) return answer(request.socket, 200, block->second);
    return answerSlowly(request.socket, block->second);
  }

  /// The rate holds over all connections: each piece waits for its turn.
  bool answerSlowly(int socket, std::string_view body) {
    if (!say(socket, fmt::format("HTTP/1.1 200 x\r\nContent-Length: {}\r\n\r\n", body.size()))) {
      return false;
    }
    constexpr std::size_t kPiece = 16u << 10;
    while (!body.empty() && !ending_) {
      const auto piece = body.substr(0, kPiece);
      std::chrono::steady_clock::time_point until;
      {
        const std::lock_guard lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        free_ =
            std::max(free_, now) +
            std::chrono::nanoseconds(static_cast<std::int64_t>(double(piece.size()) / rate_ * 1e9));
        until = free_;
      }
      std::this_thread::sleep_until(until);
      if (!say(socket, piece)) return false;
      body.remove_prefix(piece.size());
    }
    return !ending_;
  }

  const BlockMap& blocks_;
  Oddity oddity_;
  int listener_;
  unsigned port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<unsigned> requests_{0}, accepted_{0}, served_{0};
  std::atomic<double> rate_{0};
  std::mutex mutex_;
  std::chrono::steady_clock::time_point free_{};
  std::vector<std::jthread> connections_;
  std::jthread thread_;
};

}  // namespace webpool::sources
