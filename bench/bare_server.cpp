#include "bare_server.h"

#include <sys/socket.h>

#include <boost/asio/ip/address_v4.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/http/span_body.hpp>
#include <utility>

#include "base/file.h"
#include "failure.h"

namespace webpool::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr std::size_t kLargestMessage = 64U << 20;

std::string contentType(const std::string& path) {
  if (path.ends_with(".html")) return "text/html; charset=utf-8";
  if (path.ends_with(".mjs") || path.ends_with(".js")) return "text/javascript";
  if (path.ends_with(".wasm")) return "application/wasm";
  return "application/octet-stream";
}

}  // namespace

BareServer::BareServer()
    : acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      acceptThread_([this] { accept(); }) {}

BareServer::~BareServer() {
  // Wakes the accepting thread, which closing the descriptor would not.
  ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
  acceptThread_.join();
  pages_.clear();
}

void BareServer::serveFolder(std::string prefix, std::filesystem::path folder) {
  const std::lock_guard lock(mutex_);
  folders_[std::move(prefix)] = std::move(folder);
}

void BareServer::serveBytes(std::string path, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  files_[std::move(path)] = std::move(bytes);
}

std::string BareServer::origin() const {
  return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
}

std::unique_ptr<BareServer::WebSocket> BareServer::nextPage(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, limit, [this] { return !pages_.empty(); })) {
    throw BenchFailure("the bare page did not connect");
  }
  auto page = std::move(pages_.front());
  pages_.pop_front();
  return page;
}

void BareServer::accept() {
  for (;;) {
    beast::error_code failed;
    tcp::socket socket(context_);
    acceptor_.accept(socket, failed);
    if (failed) return;
    const std::lock_guard lock(mutex_);
    connections_.emplace_back([this, socket = std::move(socket)]() mutable {
      try {
        serve(std::move(socket));
      } catch (const std::exception&) {
        // The browser went away; whoever waits for it says so.
      }
    });
  }
}

void BareServer::serve(tcp::socket socket) {
  socket.set_option(tcp::no_delay(true));
  beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  http::read(socket, buffer, request);
  if (beast::websocket::is_upgrade(request)) {
    auto page = std::make_unique<WebSocket>(std::move(socket));
    page->auto_fragment(false);
    page->read_message_max(kLargestMessage);
    page->binary(true);
    page->accept(request);
    {
      const std::lock_guard lock(mutex_);
      pages_.push_back(std::move(page));
    }
    arrived_.notify_one();
    return;
  }
  const auto bytes = find(std::string(request.target()));
  http::response<http::span_body<const char>> response{
      bytes.empty() ? http::status::not_found : http::status::ok, 11};
  response.set(http::field::content_type, contentType(std::string(request.target())));
  response.set(http::field::connection, "close");
  // As the pool's server: the page gets clocks of full resolution.
  response.set("Cross-Origin-Opener-Policy", "same-origin");
  response.set("Cross-Origin-Embedder-Policy", "require-corp");
  response.body() = {bytes.text().data(), bytes.size()};
  response.prepare_payload();
  http::write(socket, response);
  socket.shutdown(tcp::socket::shutdown_send);
}

Bytes BareServer::find(const std::string& path) {
  std::filesystem::path file;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = files_.find(path); known != files_.end()) return known->second;
    for (const auto& [prefix, folder] : folders_) {
      if (path.starts_with(prefix)) file = folder / path.substr(prefix.size());
    }
  }
  auto text = base::readFile(file);
  return text ? Bytes::adopt(std::move(*text)) : Bytes{};
}

}  // namespace webpool::bench
