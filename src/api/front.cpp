#include "api/front.h"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <condition_variable>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "api/content_coding.h"
#include "api/workers.h"

namespace webpool::api {
namespace {

constexpr std::size_t kLongestId = 128;
/// To read a body of more than that takes too long for the loop.
constexpr std::size_t kLargeBody = 64u << 10;
constexpr unsigned kReaders = 2;
constexpr std::size_t kUnread = 64;

/// A program whose pool this is makes a lost worker of a call that it has not given up itself.
Error endingOf(std::string_view path) {
  return {path.starts_with("/webpool/") ? ErrorCategory::Cancelled : ErrorCategory::BrowserFailed,
          "webpool is shutting down", "try again when it runs again"};
}

bool mayBeId(std::string_view id) {
  return !id.empty() && id.size() <= kLongestId &&
         std::ranges::all_of(id, [](char c) { return c > ' ' && c < 0x7f; });
}

bool isLoopback(std::string_view address) {
  return address == "::1" || address.starts_with("127.");
}

/// In a time that tells nothing of how much of it was right.
bool sameToken(std::string_view header, const std::string& token) {
  constexpr std::string_view kBearer = "Bearer ";
  if (header.size() != kBearer.size() + token.size()) return false;
  return net::equalIgnoringCase(header.substr(0, kBearer.size()), kBearer) &&
         CRYPTO_memcmp(header.data() + kBearer.size(), token.data(), token.size()) == 0;
}

}  // namespace

int statusOf(const Error& error) noexcept {
  switch (error.category) {
    case ErrorCategory::InvalidArgument:
    case ErrorCategory::InvalidInput:
      return 400;
    case ErrorCategory::Unauthorized:
      return 401;
    case ErrorCategory::NotFound:
      return 404;
    case ErrorCategory::Busy:
      return 429;
    case ErrorCategory::Cancelled:
      return 499;
    case ErrorCategory::Unsupported:
      return 501;
    case ErrorCategory::BrowserNotFound:
    case ErrorCategory::BrowserFailed:
    case ErrorCategory::WorkerLost:
    case ErrorCategory::DeviceLost:
    case ErrorCategory::NoSpace:
    case ErrorCategory::Fetch:
      return 503;
    case ErrorCategory::Timeout:
      return 504;
    case ErrorCategory::OutOfMemory:
      return 507;
    default:
      return 500;
  }
}

std::string retryAfterOf(const Error& error) {
  using std::chrono::seconds;
  const auto known = error.retryAfter.value_or(seconds(1));
  return std::to_string(
      std::clamp(std::chrono::ceil<seconds>(known), seconds(1), seconds(60)).count());
}

net::Response jsonResponse(int status, std::string body) {
  net::Response response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

net::Response plainError(const Error& error, int status) {
  return jsonResponse(status,
                      boost::json::serialize(boost::json::object{{"error", error.describe()}}));
}

struct Front::State {
  explicit State(FrontOptions o) : options(std::move(o)) {}

  /// On the loop thread; waits.
  void onLoop(std::function<void()> work) {
    std::promise<void> done;
    loop.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::string newId() {
    std::array<char, 32> text{};
    const auto* const end =
        fmt::format_to(text.data(), FMT_COMPILE("{:08x}-{:x}"), start, ++requests);
    return std::string(text.data(), static_cast<std::size_t>(end - text.data()));
  }

  std::string idOf(const net::Headers& headers) {
    const auto given = headers.get("X-Request-Id");
    return mayBeId(given) ? std::string(given) : newId();
  }

  /// What no route answers is counted and logged as well.
  void refused(const net::RefusedRequest& request, net::Response& answer) {
    const auto id = idOf(request.headers);
    answer.headers.set("X-Request-Id", id);
    metrics.began();
    metrics.ended(kNoRoute, answer.status, {}, 0);
    if (!options.log) return;
    options.log({.id = id,
                 .peer = std::string(request.peer),
                 .method = std::string(request.method),
                 .path = std::string(request.path),
                 .model = {},
                 .status = answer.status});
  }

  FrontOptions options;
  Metrics metrics;
  net::EventLoop loop;
  std::unique_ptr<net::Server> server;
  std::vector<Route> routes;
  std::string origin;
  std::uint32_t start = 0;
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> decodedBytes = 0;  ///< of bodies that came encoded
  std::stop_source ending;
  std::atomic<bool> draining = false;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t inFlight = 0;
  Workers readers{kReaders, kUnread};
  std::thread thread;
};

namespace {

/// What all requests of a route share.
struct RouteOf {
  std::string name;
  ExchangeHandler handler;
  ErrorForm errors;
  bool open = false;
};

}  // namespace

struct Exchange::State {
  struct Ask {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };

  Front::State& front;
  net::Request request;
  std::string id;
  std::shared_ptr<const RouteOf> route;
  std::function<void(net::Response)> respond;  ///< to be called and let go of on the loop thread
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::uint64_t bytesIn = 0;
  std::stop_source source{};
  std::optional<std::stop_callback<Ask>> closed{};
  std::optional<std::stop_callback<Ask>> ending{};
  std::uint64_t decodedBytes = 0;
  std::mutex mutex{};
  std::string model{};
  int status = 0;

  bool hasLeft() const { return request.closed.stop_requested(); }
};

Exchange::Exchange(std::unique_ptr<State> state) : state_(std::move(state)) {
  auto& s = *state_;
  s.bytesIn = s.request.body.size();
  s.closed.emplace(s.request.closed, State::Ask{s.source});
  s.ending.emplace(s.front.ending.get_token(), State::Ask{s.source});
  s.front.metrics.began();
  const std::lock_guard lock(s.front.mutex);
  ++s.front.inFlight;
}

Exchange::~Exchange() {
  auto& s = *state_;
  if (s.status == 0) fail({ErrorCategory::Internal, "the handler gave no answer", ""});
  s.closed.reset();
  s.ending.reset();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - s.began;
  auto& front = s.front;
  front.metrics.ended(s.route->name, s.status, s.model, time.count());
  if (front.options.log) {
    front.options.log({s.id, s.request.peer, s.request.method, s.request.path, s.model, s.status,
                       s.bytesIn, time.count()});
  }
  front.decodedBytes -= s.decodedBytes;
  state_.reset();
  const std::lock_guard lock(front.mutex);
  --front.inFlight;
  front.changed.notify_all();
}

net::Request& Exchange::request() {
  return state_->request;
}

const std::string& Exchange::id() const {
  return state_->id;
}

std::stop_token Exchange::stop() const {
  return state_->source.get_token();
}

void Exchange::forModel(std::string name) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->model.empty() || name.empty()) return;
  state_->model = std::move(name);
}

void Exchange::respond(net::Response response) {
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->status, response.status) != 0) return;
  }
  response.headers.set("X-Request-Id", state_->id);
  auto& loop = state_->front.loop;
  auto answer = std::exchange(state_->respond, nullptr);
  if (loop.runsHere()) return answer(std::move(response));
  loop.post([answer = std::move(answer), response = std::move(response)]() mutable {
    answer(std::move(response));
  });
}

std::string Exchange::caller(std::string_view named) const {
  const auto& s = *state_;
  // What is long is told apart as well by a number, and is not kept.
  const auto of = [](std::string_view kind, std::string_view name) {
    return name.size() <= kLongestId
               ? fmt::format("{}:{}", kind, name)
               : fmt::format("{}#{:x}", kind, std::hash<std::string_view>()(name));
  };
  if (!named.empty()) return of("user", named);
  if (const auto said = s.request.headers.get("X-Webpool-Caller"); !said.empty()) {
    return of("user", said);
  }
  const auto token = s.request.headers.get("Authorization");
  if (!token.empty() && s.front.options.token.empty()) {
    return fmt::format("token#{:x}", std::hash<std::string_view>()(token));
  }
  const std::string_view peer = s.request.peer;
  return of("address", peer.substr(0, peer.rfind(':')));
}

Error Exchange::told(const Error& error) const {
  const bool cut = error.category == ErrorCategory::Cancelled ||
                   error.category == ErrorCategory::WorkerLost ||
                   error.category == ErrorCategory::BrowserFailed;
  if (!cut || state_->hasLeft() || !state_->front.ending.stop_requested()) return error;
  return endingOf(state_->request.path);
}

bool Exchange::decodeBody() {
  auto& s = *state_;
  const auto coding = s.request.headers.get("Content-Encoding");
  if (coding.empty() || net::equalIgnoringCase(coding, "identity")) return true;
  const auto& limits = s.front.options.server;
  auto decoded = decodedBody(coding, s.request.body, limits.maxBodyBytes);
  if (!decoded) {
    fail(decoded.error().error, decoded.error().status);
    return false;
  }
  s.decodedBytes = decoded->size();
  if ((s.front.decodedBytes += s.decodedBytes) > limits.maxBodiesBytes) {
    fail({ErrorCategory::Busy, "the bodies of other requests take all room", "try again later"},
         503);
    return false;
  }
  s.request.body = std::move(*decoded);
  return true;
}

void Exchange::fail(const Error& error) {
  const auto shown = told(error);
  auto response = state_->route->errors(shown, statusOf(shown));
  if (state_->hasLeft()) response.status = 499;
  refuse(std::move(response), shown);
}

void Exchange::fail(const Error& error, int status) {
  auto response = state_->route->errors(error, status);
  response.status = status;
  refuse(std::move(response), error);
}

void Exchange::refuse(net::Response response, const Error& error) {
  const int status = response.status;
  if (status == 429 || status == 503) response.headers.set("Retry-After", retryAfterOf(error));
  if (status == 401) response.headers.set("WWW-Authenticate", "Bearer");
  respond(std::move(response));
}

void guarded(const std::shared_ptr<Exchange>& exchange, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& defect) {
    exchange->fail({ErrorCategory::Internal, std::string("defect: ") + defect.what(), ""});
  }
}

Result<std::unique_ptr<Front>> Front::open(FrontOptions options) {
  if (options.token.empty() && !options.forEverybody && !isLoopback(options.server.address)) {
    return webpool::fail(ErrorCategory::InvalidArgument,
                         fmt::format("without a token {} would let everybody in the network in",
                                     options.server.address),
                         "set WEBPOOL_API_TOKEN or --api-token-file, or listen on 127.0.0.1");
  }
  auto state = std::make_unique<State>(std::move(options));
  state->options.server.onRefusal = [state = state.get()](const net::RefusedRequest& request,
                                                          net::Response& answer) {
    state->refused(request, answer);
  };
  auto server = net::Server::listen(state->loop, state->options.server);
  if (!server) return std::unexpected(server.error());
  state->server = std::move(*server);
  state->origin = state->server->origin();
  state->start = static_cast<std::uint32_t>(std::chrono::system_clock::now().time_since_epoch() /
                                            std::chrono::milliseconds(1));
  state->thread = std::thread([loop = &state->loop] { loop->run(); });
  return std::unique_ptr<Front>(new Front(std::move(state)));
}

Front::Front(std::unique_ptr<State> state) : state_(std::move(state)) {}

Front::~Front() {
  drain(std::chrono::milliseconds(0));
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->inFlight == 0; });
  }
  // Answers that were posted get their turn before.
  state_->onLoop([this] { state_->server.reset(); });
  state_->loop.stop();
  state_->thread.join();
}

void Front::route(std::string method, std::string path, std::string name, ExchangeHandler handler,
                  ErrorForm errors, bool open) {
  auto* const state = state_.get();
  const auto of = std::make_shared<const RouteOf>(
      RouteOf{std::move(name), std::move(handler), std::move(errors), open});
  net::Handler serve = [state, of](net::Request request,
                                   std::function<void(net::Response)> respond) {
    auto id = state->idOf(request.headers);
    const bool known = of->open || state->options.token.empty() ||
                       sameToken(request.headers.get("Authorization"), state->options.token);
    auto exchange = std::make_shared<Exchange>(
        std::unique_ptr<Exchange::State>(new Exchange::State{.front = *state,
                                                             .request = std::move(request),
                                                             .id = std::move(id),
                                                             .route = of,
                                                             .respond = std::move(respond)}));
    if (!known) {
      return exchange->fail({ErrorCategory::Unauthorized, "the token is missing or wrong",
                             "send Authorization: Bearer TOKEN"});
    }
    if (state->draining) {
      return exchange->fail(endingOf(exchange->request().path));
    }
    const auto& asked = exchange->request();
    // A short one may become a long one.
    const bool isCoded = asked.headers.has("Content-Encoding") && !asked.body.empty();
    if (asked.body.size() <= kLargeBody && !isCoded) return of->handler(std::move(exchange));
    const bool taken = state->readers.run([of, exchange] {
      guarded(exchange, [&] {
        if (exchange->decodeBody()) of->handler(exchange);
      });
    });
    if (!taken) exchange->fail({ErrorCategory::Busy, "too many large requests wait", ""});
  };
  state->routes.push_back({method, path});
  state->onLoop([&] {
    if (path.ends_with('*')) {
      state->server->routePrefix(method, path.substr(0, path.size() - 1), std::move(serve));
    } else {
      state->server->route(method, path, std::move(serve));
    }
  });
}

void Front::handle(const std::vector<std::string>& methods, const std::string& path,
                   const std::string& name, const HandlerMaker& make, bool open) {
  // The routes own it, and go with the server: on the loop's thread.
  const auto handler = std::make_shared<net::Handler>();
  state_->onLoop([&] { *handler = make(state_->loop); });
  for (const auto& method : methods) {
    const auto serve = [handler](const std::shared_ptr<Exchange>& exchange) {
      if (!exchange->request().body.empty()) {
        return exchange->fail({ErrorCategory::InvalidArgument, "this takes no body", "send none"});
      }
      (*handler)(exchange->request(),
                 [exchange](net::Response response) { exchange->respond(std::move(response)); });
    };
    route(method, path, name, serve, plainError, open);
  }
}

std::vector<Front::Route> Front::routes() const {
  return state_->routes;
}

std::string Front::origin() const {
  return state_->origin;
}

bool Front::asksForToken() const {
  return !state_->options.token.empty();
}

void addMetrics(Front& front) {
  front.route("GET", "/metrics", "metrics", [&front](const auto& exchange) {
    net::Response response;
    response.headers.set("Content-Type", "text/plain; version=0.0.4");
    response.body = front.metrics().text();
    exchange->respond(std::move(response));
  });
}

Metrics& Front::metrics() {
  return state_->metrics;
}

void Front::drain(std::chrono::milliseconds limit) {
  if (state_->draining.exchange(true)) return;
  state_->onLoop([this] { state_->server->stopListening(); });
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, limit, [this] { return state_->inFlight == 0; });
  }
  state_->ending.request_stop();
}

}  // namespace webpool::api
