#include "net/http_client.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "net/http_types.h"
#include "net/http_url.h"
#include "net/stream.h"

namespace webpool::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::uint32_t kMaxHeaderBytes = 64u << 10;
constexpr unsigned kMostInterim = 16;  ///< answers such as 100 Continue before the real one
constexpr unsigned kFirstFinalStatus = 200;
constexpr unsigned kSwitchingProtocols = 101;
constexpr unsigned kOk = 200;
constexpr unsigned kPartialContent = 206;
constexpr std::size_t kPieceBytes = 256u << 10;
constexpr std::size_t kMostKept = 64;  ///< connections that wait for a next request
constexpr auto kKeptFor = std::chrono::seconds(20);

bool isToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.contains(c);
  });
}

Result<void> checkRequest(const base::HttpRequest& request) {
  if (!isToken(request.method)) {
    return fail(ErrorCategory::InvalidArgument, "the method is no HTTP method");
  }
  for (const auto& [name, value] : request.headers) {
    const bool clean = std::ranges::none_of(
        value, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; });
    if (!isToken(name) || !clean) {
      // Its value may be a secret.
      return fail(ErrorCategory::InvalidArgument,
                  fmt::format("the value of the header field {} has forbidden characters", name),
                  "take line breaks and other control characters out of it");
    }
  }
  return {};
}

http::request<http::string_body> messageOf(const HttpUrl& url, const base::HttpRequest& request) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(url.target);
  for (const auto& [name, value] : request.headers) message.insert(name, value);
  message.set(http::field::host, url.hostField());
  message.set(http::field::connection, request.keepAlive ? "keep-alive" : "close");
  message.body() = request.body;
  message.prepare_payload();
  return message;
}

template <class Body>
base::HttpResponse headOf(const http::response<Body>& message, const HttpUrl& url) {
  base::HttpResponse response{.status = static_cast<int>(message.result_int())};
  for (const auto& field : message.base()) {
    response.headers.emplace_back(field.name_string(), field.value());
  }
  response.url = url.origin() + url.target;
  return response;
}

bool isRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// A connection with the context that runs it, so that it can be kept between two calls.
struct Connection {
  explicit Connection(ssl::context* trust) {
    if (trust == nullptr) {
      plain.emplace(io);
    } else {
      tls.emplace(io, *trust);
    }
  }
  Socket& socket() { return tls ? socketOf(*tls) : *plain; }

  /// The server has neither closed it nor sent anything.
  bool isQuiet() {
    pollfd state{.fd = socket().native_handle(), .events = POLLIN, .revents = 0};
    return socket().is_open() && ::poll(&state, 1, 0) == 0;
  }

  asio::io_context io;
  std::optional<PlainStream> plain;
  std::optional<TlsStream> tls;
  bool connected = false;
  std::chrono::steady_clock::time_point keptSince{};
};

/// One call, on the calling thread: each step is begun, then waited for by running the context.
/// Time and stop end a step by closing the socket under it.
class Exchange {
 public:
  Exchange(const HttpUrl& url, const base::HttpRequest& request, Connection& connection)
      : url_(url), request_(request), connection_(connection), io_(connection.io) {}

  Result<base::HttpResponse> run(const std::stop_token& stop) {
    limit(deadline_, timedOut_);
    auto response = [&] {
      const std::stop_callback onStop(stop, [this] { asio::post(io_, [this] { stopLater(); }); });
      return connection_.tls ? runOver(*connection_.tls) : runOver(*connection_.plain);
    }();
    // What is still queued knows this exchange.
    timer_.cancel();
    stall_.cancel();
    io_.restart();
    io_.poll();
    if (response) response->connectTook = connectTook_;
    return response;
  }

  /// The answer came to its end, and both sides would take another request.
  bool canGoOn() const { return canGoOn_ && !timedOut_ && !cancelled_ && !stalled_; }
  /// The server hung up before it said anything.
  bool wasClosed() const { return closed_ && !timedOut_ && !cancelled_ && !stalled_; }

 private:
  template <class Stream>
  Result<base::HttpResponse> runOver(Stream& stream) {
    socket_ = &socketOf(stream);
    if (!connection_.connected) {
      const auto begun = std::chrono::steady_clock::now();
      auto done = connect();
      if constexpr (kIsTls<Stream>) {
        if (done) done = shakeHands(stream);
      }
      if (!done) return std::unexpected(std::move(done.error()));
      connection_.connected = true;
      connectTook_ = std::chrono::steady_clock::now() - begun;
    }
    auto message = messageOf(url_, request_);
    const auto sent = wait([&](auto handler) { http::async_write(stream, message, handler); });
    closed_ = bool(sent);
    if (sent) return failed(sent, "can't send to");
    return receive(stream);
  }

  Result<void> connect() {
    error_code noAddress;
    const auto address = asio::ip::make_address(url_.host, noAddress);
    error_code error;
    if (!noAddress) {
      error = wait([&](auto handler) {
        socket_->async_connect(tcp::endpoint(address, url_.port), handler);
      });
    } else {
      tcp::resolver::results_type found;
      error = wait([&](auto handler) {
        resolver_.async_resolve(url_.host, std::to_string(url_.port),
                                tcp::resolver::numeric_service,
                                [&found, handler](error_code e, tcp::resolver::results_type list) {
                                  found = std::move(list);
                                  handler(e);
                                });
      });
      if (error) return failed(error, "can't find", "check the name");
      error = wait([&](auto handler) { asio::async_connect(*socket_, found, handler); });
    }
    if (error) {
      return failed(error, "can't reach",
                    "check that it runs there and listens to connections from this machine");
    }
    error_code ignored;
    socket_->set_option(tcp::no_delay(true), ignored);
    return {};
  }

  Result<void> shakeHands(TlsStream& stream) {
    auto* handle = stream.native_handle();
    error_code noAddress;
    asio::ip::make_address(url_.host, noAddress);
    if (noAddress) {
      SSL_set_tlsext_host_name(handle, url_.host.c_str());
      SSL_set1_host(handle, url_.host.c_str());
    } else {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), url_.host.c_str());
    }
    const auto error =
        wait([&](auto handler) { stream.async_handshake(TlsStream::client, handler); });
    if (!error) return {};
    const auto verdict = SSL_get_verify_result(handle);
    if (verdict == X509_V_OK) return failed(error, "no TLS with");
    return fail(ErrorCategory::Fetch,
                fmt::format("the certificate of {} is not trusted: {}", url_.origin(),
                            X509_verify_cert_error_string(verdict)),
                "add the authority that signed it to this system's certificates");
  }

  /// The body piece by piece, through a buffer of its own size.
  template <class Stream>
  Result<base::HttpResponse> receivePieces(Stream& stream, boost::beast::flat_buffer& buffer,
                                           http::response_parser<http::buffer_body>& parser,
                                           base::HttpResponse head) {
    const auto piece = std::make_unique_for_overwrite<char[]>(kPieceBytes);
    while (!parser.is_done()) {
      auto& body = parser.get().body();
      body.data = piece.get();
      body.size = kPieceBytes;
      auto error =
          wait([&](auto handler) { http::async_read_some(stream, buffer, parser, handler); });
      if (error == http::error::need_buffer) error = {};
      // What came before the end is the caller's, whole or not.
      const std::string_view came(piece.get(), kPieceBytes - body.size);
      if (!came.empty()) {
        if (auto taken = request_.onBody(head, came); !taken) {
          return std::unexpected(std::move(taken.error()));
        }
      }
      if (error) return failed(error, "no whole answer from");
    }
    canGoOn_ = parser.keep_alive() && buffer.size() == 0;
    return head;
  }

  template <class Stream>
  Result<base::HttpResponse> receive(Stream& stream) {
    boost::beast::flat_buffer buffer;
    for (unsigned i = 0; i < kMostInterim; ++i) {
      http::response_parser<http::empty_body> begin;
      begin.header_limit(kMaxHeaderBytes);
      begin.body_limit(request_.maxBodyBytes);
      begin.skip(request_.method == "HEAD");
      auto error =
          wait([&](auto handler) { http::async_read_header(stream, buffer, begin, handler); });
      const auto status = begin.get().result_int();
      const bool isContent = status == kOk || status == kPartialContent;
      if (isContent) tooManyBytes_ = request_.tooManyBytes;
      closed_ = bool(error) && i == 0 && buffer.size() == 0 && !begin.got_some();
      if (error) return failed(error, "no answer from");
      if (status < kFirstFinalStatus && status != kSwitchingProtocols) continue;
      if (request_.onBody && isContent) {
        auto head = headOf(begin.get(), url_);
        head.connectTook = connectTook_;
        http::response_parser<http::buffer_body> parser(std::move(begin));
        return receivePieces(stream, buffer, parser, std::move(head));
      }
      http::response_parser<http::string_body> parser(std::move(begin));
      if (!parser.is_done()) {
        error = wait([&](auto handler) { http::async_read(stream, buffer, parser, handler); });
        if (error) return failed(error, "no answer from");
      }
      canGoOn_ = parser.keep_alive() && buffer.size() == 0;
      auto response = headOf(parser.get(), url_);
      response.body = std::move(parser.get().body());
      return response;
    }
    return fail(ErrorCategory::Fetch, fmt::format("{} sends no final answer", url_.origin()));
  }

  template <class Start>
  error_code wait(Start start) {
    // A socket that time or stop closed must not be opened again: nothing would end it then.
    if (timedOut_ || cancelled_ || stalled_) return asio::error::operation_aborted;
    io_.restart();
    if (request_.stallTimeout > base::Duration::zero()) {
      stall_.expires_after(
          std::chrono::duration_cast<std::chrono::steady_clock::duration>(request_.stallTimeout));
      stall_.async_wait([this](const error_code& error) {
        if (!error) breakOff(stalled_);
      });
    }
    std::optional<error_code> done;
    start([&done](const error_code& error, auto&&...) { done = error; });
    while (!done) io_.run_one();
    return *done;
  }

  /// Ends what is under way at that time and marks why.
  void limit(base::TimePoint when, bool& why) {
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(when));
    timer_.async_wait([this, &why](const error_code& error) {
      if (!error) breakOff(why);
    });
  }

  void breakOff(bool& why) {
    why = true;
    resolver_.cancel();
    error_code ignored;
    if (socket_ != nullptr) socket_->close(ignored);
  }

  void stopLater() {
    const auto until = std::chrono::steady_clock::now() + request_.graceAfterStop;
    if (until < deadline_ && !timedOut_) limit(until, cancelled_);
  }

  std::unexpected<Error> failed(const error_code& error, std::string_view what,
                                std::string hint = {}) const {
    const auto peer = url_.origin();
    if (cancelled_) return fail(ErrorCategory::Cancelled, "asking " + peer + " was given up");
    if (timedOut_) {
      return fail(
          ErrorCategory::Timeout,
          fmt::format("{} did not answer within {} ms", peer,
                      std::chrono::ceil<std::chrono::milliseconds>(request_.timeout).count()));
    }
    if (stalled_) {
      return fail(
          ErrorCategory::Timeout,
          fmt::format("{} sent nothing for {} ms", peer,
                      std::chrono::ceil<std::chrono::milliseconds>(request_.stallTimeout).count()));
    }
    if (error == http::error::body_limit) {
      return fail(tooManyBytes_, fmt::format("{} sends more than the {} bytes that are allowed",
                                             peer, request_.maxBodyBytes));
    }
    if (error == http::error::partial_message || error == http::error::end_of_stream ||
        error == ssl::error::stream_truncated || error == asio::error::eof ||
        error == asio::error::connection_reset || error == asio::error::broken_pipe) {
      return fail(ErrorCategory::Fetch, fmt::format("{} hung up before its answer was whole", peer),
                  std::move(hint));
    }
    return fail(ErrorCategory::Fetch, fmt::format("{} {}: {}", what, peer, error.message()),
                std::move(hint));
  }

  const HttpUrl& url_;
  const base::HttpRequest& request_;
  const base::TimePoint deadline_ = std::chrono::steady_clock::now() + request_.timeout;
  ErrorCategory tooManyBytes_ = ErrorCategory::Fetch;  ///< of the answer that comes
  bool timedOut_ = false;
  bool cancelled_ = false;
  bool stalled_ = false;
  bool canGoOn_ = false;
  bool closed_ = false;
  base::Duration connectTook_{};
  Connection& connection_;
  asio::io_context& io_;
  SteadyTimer timer_{io_};
  SteadyTimer stall_{io_};
  tcp::resolver resolver_{io_};
  Socket* socket_ = nullptr;
};

}  // namespace

struct HttpClient::Trust {
  explicit Trust(HttpClientOptions o) : options(std::move(o)) {}

  /// Reads the system's authorities at the first use only.
  ssl::context* get() {
    const std::lock_guard lock(mutex);
    if (!context) {
      context.emplace(ssl::context::tls_client);
      error_code ignored;  // a system without authorities trusts nobody
      context->set_default_verify_paths(ignored);
      if (!options.moreAuthorities.empty()) {
        context->add_certificate_authority(asio::buffer(options.moreAuthorities), ignored);
      }
      context->set_verify_mode(ssl::verify_peer);
      SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    }
    return &*context;
  }

  HttpClientOptions options;
  std::mutex mutex;
  std::optional<ssl::context> context;
};

/// Connections that wait for a next request. Thread-safe.
struct HttpClient::Kept {
  std::unique_ptr<Connection> take(const std::string& origin) {
    const std::lock_guard lock(mutex);
    auto& its = connections[origin];
    while (!its.empty()) {
      auto connection = std::move(its.back());
      its.pop_back();
      --count;
      const auto age = std::chrono::steady_clock::now() - connection->keptSince;
      if (age < kKeptFor && connection->isQuiet()) return connection;
    }
    connections.erase(origin);
    return nullptr;
  }

  void give(const std::string& origin, std::unique_ptr<Connection> connection) {
    connection->keptSince = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex);
    if (count >= kMostKept) return;
    ++count;
    connections[origin].push_back(std::move(connection));
  }

  std::mutex mutex;
  std::size_t count = 0;
  std::map<std::string, std::vector<std::unique_ptr<Connection>>> connections;
};

HttpClient::HttpClient(HttpClientOptions options)
    : trust_(std::make_unique<Trust>(std::move(options))), kept_(std::make_unique<Kept>()) {}

HttpClient::~HttpClient() = default;

Result<base::HttpResponse> HttpClient::exchange(const HttpUrl& url,
                                                const base::HttpRequest& request,
                                                const std::stop_token& stop) {
  const bool mayKeep = request.keepAlive && (request.method == "GET" || request.method == "HEAD");
  auto asked = request;
  asked.keepAlive = mayKeep;
  const auto origin = url.origin();
  auto connection = mayKeep ? kept_->take(origin) : nullptr;
  while (true) {
    const bool old = connection != nullptr;
    auto* trust = url.tls ? trust_->get() : nullptr;
    if (!old) connection = std::make_unique<Connection>(trust);
    auto exchange = std::make_optional<Exchange>(url, asked, *connection);
    auto response = exchange->run(stop);
    const bool wasClosed = exchange->wasClosed();
    const bool canGoOn = exchange->canGoOn();
    exchange.reset();  // its timers are of the connection's context, which may go now
    if (old && !response && wasClosed) {
      connection = nullptr;  // it was closed while it waited, which says nothing of the server
      continue;
    }
    if (mayKeep && canGoOn) kept_->give(origin, std::move(connection));
    return response;
  }
}

Result<base::HttpResponse> HttpClient::request(const base::HttpRequest& request,
                                               std::stop_token stop) {
  auto current = request;
  for (unsigned redirects = 0;; ++redirects) {
    const auto url = parseHttpUrl(current.url);
    if (!url) return std::unexpected(url.error());
    if (auto checked = checkRequest(current); !checked) return std::unexpected(checked.error());
    if (stop.stop_requested()) return fail(ErrorCategory::Cancelled, "given up before it began");
    auto response = exchange(*url, current, stop);
    if (!response || request.maxRedirects == 0 || !isRedirect(response->status) ||
        (request.method != "GET" && request.method != "HEAD")) {
      return response;
    }
    if (redirects == request.maxRedirects) {
      return fail(ErrorCategory::Fetch, fmt::format("{} redirects without end", url->origin()));
    }
    auto target = redirectTarget(*url, base::headerOf(response->headers, "Location"));
    if (!target) return std::unexpected(target.error());
    if (parseHttpUrl(*target)->origin() != url->origin()) {
      std::erase_if(current.headers, [](const auto& header) {
        return equalIgnoringCase(header.first, "Authorization");
      });
    }
    current.url = std::move(*target);
  }
}

}  // namespace webpool::net
