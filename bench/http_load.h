// Many HTTP clients on one thread: each asks the same again as soon as it has its answer, over a
// connection that stays open. And the least server that answers them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace webpool::bench {

struct HttpLoad {
  std::string target;               ///< "/v2/models/x/infer"
  std::vector<std::string> bodies;  ///< in turn
  std::string contentType = "application/json";
  std::vector<std::pair<std::string, std::string>> headers{};
  unsigned clients = 64;
  unsigned requests = 1000;  ///< all clients together
};

struct HttpTimes {
  double seconds = 0;
  std::vector<double> milliseconds;  ///< of each request
  std::string lastBody;

  double rate() const { return double(milliseconds.size()) / seconds; }
  /// That share of the requests took no longer.
  double quantile(double share) const;
};

/// `origin`: "http://127.0.0.1:8080". Throws BenchFailure for an answer that is not 200.
HttpTimes load(const std::string& origin, const HttpLoad& load);

/// Beast on one thread, that reads each request whole and answers the same bytes to all.
class BareHttpServer {
 public:
  explicit BareHttpServer(std::string answer, std::string contentType);
  ~BareHttpServer();
  BareHttpServer(const BareHttpServer&) = delete;
  BareHttpServer& operator=(const BareHttpServer&) = delete;

  std::string origin() const;

 private:
  void accept();

  std::string answer_;
  std::string contentType_;
  boost::asio::io_context context_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::jthread thread_;
};

}  // namespace webpool::bench
