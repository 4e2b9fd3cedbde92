// The HTTP server of `webpool serve` that programs call: what every endpoint shares. Each request
// gets an id, is checked for the token, counted, timed and logged; the endpoints are routes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/metrics.h"
#include "api/served_models.h"
#include "net/server.h"

namespace webpool::api {

/// One request, for the access log.
struct AccessLine {
  std::string id;
  std::string peer;
  std::string method;
  std::string path;
  std::string model;  ///< empty where it was for none
  int status = 0;
  std::uint64_t bytesIn = 0;
  double seconds = 0;
};

struct FrontOptions {
  net::ServerOptions server;
  /// What clients send as "Authorization: Bearer …"; empty: nobody has to. Required when `server`
  /// listens beyond loopback, unless everything is for everybody.
  std::string token;
  bool forEverybody = false;
  std::function<void(const AccessLine&)> log = {};  ///< any thread; must return soon
};

/// What an error looks like to a client of one protocol; `status` is what it has in most.
using ErrorForm = std::function<net::Response(const Error& error, int status)>;

/// The route that metrics name for requests that none answers.
inline constexpr std::string_view kNoRoute = "none";

/// 400 bad input, 404 unknown, 429 busy, 499 cancelled, 501 unsupported, 503 no worker, 504 late,
/// 507 out of memory.
int statusOf(const Error& error) noexcept;
/// For Retry-After: whole seconds from 1 to 60, 1 where the error does not tell.
std::string retryAfterOf(const Error& error);
/// {"error": "message (hint)"}
net::Response plainError(const Error& error, int status);
net::Response jsonResponse(int status, std::string body);

/// A request being answered. It ends (log, counters) when its last owner lets go of it; hold it
/// until a streamed answer is complete. Any thread.
class Exchange {
 public:
  struct State;
  explicit Exchange(std::unique_ptr<State> state);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  net::Request& request();
  const std::string& id() const;
  /// Asked for when the client has left, or the front has no more time to end: cancel the work.
  std::stop_token stop() const;
  /// Whose share of a model it takes (RunOptions::caller): the one that the request names, else the
  /// field X-Webpool-Caller, else the bearer token where that tells callers apart, else the address
  /// that it came from.
  std::string caller(std::string_view named = {}) const;
  /// For log and metrics; before respond(). The first call counts.
  void forModel(std::string name);
  /// The first call counts.
  void respond(net::Response response);
  /// In the form of the route, with Retry-After where trying again helps; told() is what it says.
  /// Where the client has left it counts as 499.
  void fail(const Error& error);
  /// With that status, whatever the form says.
  void fail(const Error& error, int status);
  /// What a client reads of a failure: what was stopped because the front ends is no fault of its
  /// own, and may be asked for again.
  Error told(const Error& error) const;
  /// Undoes the Content-Encoding of the body. False: it can't be, and was answered.
  bool decodeBody();

 private:
  void refuse(net::Response response, const Error& error);
  std::unique_ptr<State> state_;
};

/// Calls it; what it throws is a defect, and the answer says so.
void guarded(const std::shared_ptr<Exchange>& exchange, const std::function<void()>& work);

class Front;
/// GET /metrics
void addMetrics(Front& front);

using ExchangeHandler = std::function<void(std::shared_ptr<Exchange>)>;

/// Made and destroyed on one thread, not the loop's; the rest from any thread.
class Front {
 public:
  /// Listens and serves at once on a thread of its own.
  static Result<std::unique_ptr<Front>> open(FrontOptions options);
  /// close(0); waits until every Exchange is gone. The pool must be closed before.
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  /// `name` stands for the route in metrics; `path` ends in '*' for a prefix. `open`: no token
  /// needed (health). Handlers run on the loop thread, or on another where the body is large, and
  /// must not block.
  void route(std::string method, std::string path, std::string name, ExchangeHandler handler,
             ErrorForm errors = plainError, bool open = false);

  /// Makes a handler of net's server, on the loop's thread, where it is also called and destroyed.
  using HandlerMaker = std::function<net::Handler(net::EventLoop&)>;
  /// The same for one that answers by itself, bit by bit (the gateway). Requests with a body are
  /// refused; an exchange is over when its answer begins.
  void handle(const std::vector<std::string>& methods, const std::string& path,
              const std::string& name, const HandlerMaker& make, bool open = false);

  struct Route {
    std::string method;
    std::string path;  ///< as given to route()
  };
  std::vector<Route> routes() const;

  std::string origin() const;
  /// Routes that are not open are for callers with the token.
  bool asksForToken() const;
  Metrics& metrics();

  /// No new connections and requests (503); waits that long for those in flight, then asks them to
  /// stop. Idempotent.
  void drain(std::chrono::milliseconds limit);

  struct State;

 private:
  explicit Front(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace webpool::api
