#include "http_load.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "failure.h"
#include "stopwatch.h"

namespace webpool::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;

/// What the clients of one load share.
struct Shared {
  const HttpLoad& load;
  unsigned begun = 0;
  HttpTimes times{};
  std::string failure{};
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(asio::io_context& context, Shared& shared, const tcp::endpoint& server)
      : socket_(context), shared_(shared) {
    socket_.connect(server);
    socket_.set_option(tcp::no_delay(true));
    request_.method(http::verb::post);
    request_.target(shared.load.target);
    request_.set(http::field::host, "127.0.0.1:" + std::to_string(server.port()));
    request_.set(http::field::content_type, shared.load.contentType);
    for (const auto& [name, value] : shared.load.headers) request_.set(name, value);
  }

  void next() {
    const auto& load = shared_.load;
    if (shared_.begun == load.requests || !shared_.failure.empty()) return;
    request_.body() = load.bodies[shared_.begun++ % load.bodies.size()];
    request_.prepare_payload();
    answer_ = {};
    watch_ = Stopwatch();
    http::async_write(socket_, request_,
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (!self->failed(error)) self->read();
                      });
  }

 private:
  void read() {
    http::async_read(socket_, buffer_, answer_,
                     [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                       if (self->failed(error)) return;
                       self->shared_.times.milliseconds.push_back(self->watch_.milliseconds());
                       if (self->answer_.result() != http::status::ok) {
                         self->shared_.failure = self->answer_.body();
                         return;
                       }
                       self->shared_.times.lastBody = self->answer_.body();
                       self->next();
                     });
  }

  bool failed(boost::system::error_code error) {
    if (error) shared_.failure = error.message();
    return bool(error);
  }

  tcp::socket socket_;
  Shared& shared_;
  http::request<http::string_body> request_;
  http::response<http::string_body> answer_;
  boost::beast::flat_buffer buffer_;
  Stopwatch watch_;
};

tcp::endpoint endpointOf(const std::string& origin) {
  const auto colon = origin.rfind(':');
  const auto begin = origin.find("//") + 2;
  return {asio::ip::make_address(origin.substr(begin, colon - begin)),
          static_cast<std::uint16_t>(std::stoul(origin.substr(colon + 1)))};
}

/// One connection of the bare server.
class BareConnection : public std::enable_shared_from_this<BareConnection> {
 public:
  BareConnection(tcp::socket socket, const std::string& answer, const std::string& contentType)
      : socket_(std::move(socket)), answer_(answer), contentType_(contentType) {}

  void serve() {
    parser_.emplace();
    parser_->body_limit(1 << 30);
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                       if (!error) self->answer();
                     });
  }

 private:
  void answer() {
    response_ = {http::status::ok, 11};
    response_.set(http::field::content_type, contentType_);
    response_.body() = answer_;
    response_.prepare_payload();
    http::async_write(socket_, response_,
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (!error) self->serve();
                      });
  }

  tcp::socket socket_;
  const std::string& answer_;
  const std::string& contentType_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

double HttpTimes::quantile(double share) const {
  auto sorted = milliseconds;
  const auto at =
      std::min(sorted.size() - 1, static_cast<std::size_t>(share * double(sorted.size())));
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(at));
  return sorted[at];
}

HttpTimes load(const std::string& origin, const HttpLoad& load) {
  asio::io_context context(1);
  Shared shared{load};
  const auto server = endpointOf(origin);
  std::vector<std::shared_ptr<Client>> clients;
  for (unsigned i = 0; i < load.clients; ++i) {
    clients.push_back(std::make_shared<Client>(context, shared, server));
  }
  const Stopwatch watch;
  for (const auto& client : clients) client->next();
  context.run();
  shared.times.seconds = watch.milliseconds() / 1000;
  if (!shared.failure.empty()) throw BenchFailure(load.target + ": " + shared.failure);
  return std::move(shared.times);
}

BareHttpServer::BareHttpServer(std::string answer, std::string contentType)
    : answer_(std::move(answer)),
      contentType_(std::move(contentType)),
      acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
  accept();
  thread_ = std::jthread([this] { context_.run(); });
}

BareHttpServer::~BareHttpServer() {
  context_.stop();
}

std::string BareHttpServer::origin() const {
  return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
}

void BareHttpServer::accept() {
  acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    if (error) return;
    socket.set_option(tcp::no_delay(true));
    std::make_shared<BareConnection>(std::move(socket), answer_, contentType_)->serve();
    accept();
  });
}

}  // namespace webpool::bench
