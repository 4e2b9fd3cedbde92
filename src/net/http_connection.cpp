#include "net/http_connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "net/absolute_target.h"
#include "net/file_sender.h"
#include "net/response_head.h"
#include "net/stream.h"
#include "net/websocket_connection.h"

namespace webpool::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr std::size_t kReadBytes = 128u << 10;
constexpr std::size_t kFirstRead = 4096;
constexpr std::size_t kWriteSlice = 512u << 10;

/// Where a handler's answer meets the connection that waits for it. Either may be gone first.
struct Answer {
  std::optional<Response> response;
  std::function<void()> wake;  ///< set while the connection waits

  Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() {
    if (response) forget(*response);
  }

  /// Nobody reads it: whoever writes its body is told.
  static void forget(const Response& unread) {
    const auto* stream = std::get_if<StreamBody>(&unread.body);
    if (stream != nullptr && stream->stream) stream->stream->leave();
  }

  void give(Response given) {
    if (!response) response = std::move(given);
    if (wake) wake();
  }
};

/// Shared by every copy of a handler's `respond`.
struct Responder {
  explicit Responder(std::shared_ptr<Answer> a) : answer(std::move(a)) {}
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder() {
    if (!answer->response) answer->give(textResponse(500, "the handler gave no answer"));
  }
  std::shared_ptr<Answer> answer;
};

/// What a request's body takes of the room that all bodies have.
class BodyRoom {
 public:
  explicit BodyRoom(Server::State& server) : server_(server) {}
  BodyRoom(const BodyRoom&) = delete;
  BodyRoom& operator=(const BodyRoom&) = delete;
  ~BodyRoom() { server_.bodies -= taken_; }

  /// `bytes` that the body has by now. False when there is no room for them.
  bool grow(std::uint64_t bytes) {
    const auto more = bytes - taken_;
    if (server_.bodies + more > server_.options.maxBodiesBytes) return false;
    server_.bodies += more;
    taken_ = bytes;
    return true;
  }

 private:
  Server::State& server_;
  std::uint64_t taken_ = 0;
};

Headers headersOf(const http::fields& fields) {
  Headers headers;
  for (const auto& field : fields) headers.add(field.name_string(), std::string(field.value()));
  return headers;
}

/// A peer that speaks HTTP to a TLS port reads this; nothing else of it is answered.
constexpr std::string_view kWantsTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 61\r\nConnection: close\r\n\r\n"
    "this port speaks HTTPS: begin the address with https:// here\n";

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// `Stream`: PlainStream or TlsStream.
template <class Stream>
class HttpConnection final : public Connection,
                             public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  HttpConnection(std::shared_ptr<Server::State> server, Stream stream)
      : Connection(std::move(server)), stream_(std::move(stream)) {}
  ~HttpConnection() override {
    if (deadline_) deadline_->end();
  }

  void start() {
    deadline_ = std::make_shared<Deadline>(stream_.get_executor(), [weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->drop();
    });
    asio::co_spawn(stream_.get_executor(), run(this->shared_from_this()), kRethrow);
  }

  void drop() noexcept override {
    waits(false);
    error_code ignored;
    socket().close(ignored);
    if (answer_ && answer_->wake) answer_->wake();
    closed_.request_stop();
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  Socket& socket() noexcept { return socketOf(stream_); }

  // Takes itself as an argument: the coroutine keeps the connection alive.
  Awaitable<void> run(std::shared_ptr<HttpConnection> self) {
    bool more = true;
    bool first = true;
    waits(true);
    if constexpr (kIsTls<Stream>) more = co_await shakeHands();
    while (more && self->socket().is_open()) {
      waits(true);
      if (buffer_.size() == 0 && !first) {
        deadline_->set(server_->options.idleTimeout);
        if (watching_) {
          co_await watchEnds();
        } else if (!watchError_) {
          const auto [error, count] =
              co_await stream_.async_read_some(buffer_.prepare(kFirstRead), kAwait);
          buffer_.commit(count);
          watchError_ = error;
        }
        if (watchError_) break;
      }
      first = false;
      more = co_await serveOne();
    }
    deadline_->clear();
  }

  /// Reads what comes next, be it the peer's end. A read, not a wait: what was sent may lie in
  /// TLS's own buffer already. It is never taken back, so that it may outlast the answer.
  void watch() {
    if (watching_ || watchError_) return;
    watching_ = true;
    stream_.async_read_some(buffer_.prepare(kFirstRead),
                            [self = this->shared_from_this()](error_code error, std::size_t count) {
                              self->buffer_.commit(count);
                              self->watching_ = false;
                              self->watchError_ = error;
                              if (error) self->peerEnded(error);
                              if (self->watchEnded_) self->watchEnded_->cancel();
                            });
  }

  /// The peer sends no more: it has left, or has closed its sending half only. Those who have left
  /// answer a byte with a reset, so a request that is being answered gets one: "100 Continue",
  /// which means nothing. What is streamed is such bytes itself.
  void peerEnded(error_code error) {
    bool mayListen = false;
    if constexpr (!kIsTls<Stream>) {
      mayListen = error == asio::error::eof && (streaming_ != nullptr || (answer_ && !http10_));
    }
    if (!mayListen) {
      closed_.request_stop();
      return;
    }
    if (streaming_ == nullptr) {
      const int fd = socket().native_handle();
      (void)!::send(fd, kContinue.data(), kContinue.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    socket().async_wait(Socket::wait_error, [weak = this->weak_from_this()](error_code /*error*/) {
      if (const auto self = weak.lock()) self->closed_.request_stop();
    });
  }

  Awaitable<void> watchEnds() {
    watchEnded_.emplace(stream_.get_executor(), SteadyTimer::time_point::max());
    if (watching_) co_await watchEnded_->async_wait(kAwait);
    watchEnded_.reset();
  }

  /// False when it is no TLS that comes; the connection is over then.
  Awaitable<bool> shakeHands() {
    constexpr unsigned char kHandshakeRecord = 22;
    deadline_->set(server_->options.handshakeTimeout);
    if (const auto [error] = co_await socket().async_wait(Socket::wait_read, kAwait); error) {
      co_return false;
    }
    unsigned char first = 0;
    const int fd = socket().native_handle();
    const auto got = ::recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 1 && first != kHandshakeRecord) {
      (void)!::send(fd, kWantsTls.data(), kWantsTls.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (got == 1) {
      const auto [error] = co_await stream_.async_handshake(TlsStream::server, kAwait);
      if (!error) co_return true;
    }
    // The alert that says why not has been sent.
    if (socket().is_open()) {
      co_await lingerAndClose(socket(), deadline_, server_->options.closeTimeout);
    }
    co_return false;
  }

  /// Tells the peer that nothing was cut off, waits for what it still sends, closes.
  Awaitable<void> finish() {
    const auto time = server_->options.closeTimeout;
    if constexpr (kIsTls<Stream>) {
      deadline_->set(time);
      (void)co_await stream_.async_shutdown(kAwait);
      if (!socket().is_open()) co_return;
    }
    co_await lingerAndClose(socket(), deadline_, time);
  }

  /// One request and its answer; false when the connection is over.
  Awaitable<bool> serveOne() {
    const auto& options = server_->options;
    Parser parser;
    parser.header_limit(options.maxHeaderBytes);
    parser.body_limit(options.maxBodyBytes);
    ownHost_.clear();
    deadline_->set(options.headerTimeout);
    if (const auto [error, count] =
            co_await http::async_read_header(stream_, buffer_, parser, kAwait);
        error) {
      co_return co_await refuseBroken(error, pathOf(parser.get().target()));
    }
    waits(false);

    auto headers = headersOf(parser.get());
    auto target = std::string(parser.get().target());
    if (auto absolute = absoluteTarget(target, kIsTls<Stream>)) {
      target = std::move(absolute->target);
      // It counts, and not what the field says (RFC 9112, section 3.2.2).
      if (headers.count("Host") == 1) headers.set("Host", std::move(absolute->host));
    }
    const bool upgrade = beast::websocket::is_upgrade(parser.get());
    if (const auto refusal =
            server_->policy.check(headers, upgrade, isOpen(parser.get().method(), target))) {
      co_return co_await refuse(refusal->status, {}, refusal->reason);
    }
    ownHost_ = headers.get("Host");
    if (!target.starts_with('/')) {
      co_return co_await refuse(
          400, {}, "the request target must begin with '/' or with this server's address");
    }
    if (upgrade) co_return co_await upgradeTo(parser, target, std::move(headers));

    std::optional<BodyRoom> room(std::in_place, *server_);
    if (const auto error = co_await readBody(parser, *room)) {
      room.reset();
      co_return co_await refuseBroken(error, pathOf(target));
    }
    deadline_->clear();

    const bool keepAlive = parser.get().keep_alive();
    const auto query = target.find('?');
    Request request;
    request.method = parser.get().method_string();
    request.path = target.substr(0, query);
    if (query != std::string::npos) request.query = target.substr(query + 1);
    request.headers = std::move(headers);
    request.body = std::move(parser.get().body());
    if (peer_.empty()) peer_ = peerText(socket());
    request.peer = peer_;
    closed_ = std::stop_source();
    request.closed = closed_.get_token();
    const bool http10 = http10_ = parser.get().version() < 11;
    const bool isHead = request.method == "HEAD";
    auto response = co_await answer(std::move(request));
    room.reset();
    if (!socket().is_open()) {
      Answer::forget(response);
      co_return false;
    }
    const auto* stream = std::get_if<StreamBody>(&response.body);
    const bool untilClose = http10 && stream && !stream->length;
    const bool keep = keepAlive && !untilClose;
    const auto error = co_await write(response, keep, isHead, !http10);
    co_return !error && keep;
  }

  /// Whether pages of every origin may read there.
  bool isOpen(http::verb method, std::string_view target) const {
    const bool reads =
        method == http::verb::get || method == http::verb::head || method == http::verb::options;
    return reads && std::ranges::any_of(server_->options.openPrefixes, [&](const auto& prefix) {
             return target.starts_with(prefix);
           });
  }

  /// `no_buffer_space` when all bodies together are too much.
  Awaitable<error_code> readBody(Parser& parser, BodyRoom& room) {
    if (parser.is_done()) co_return error_code();
    const auto& options = server_->options;
    const auto expected = parser.content_length().value_or(options.maxBodyBytes);
    deadline_->set(options.bodyTimeout + std::chrono::seconds(expected >> 16));
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      const auto [error, count] =
          co_await asio::async_write(stream_, asio::buffer(kContinue), kAwait);
      if (error) co_return error;
    }
    while (!parser.is_done()) {
      const auto [error, count] = co_await http::async_read_some(stream_, buffer_, parser, kAwait);
      if (error) co_return error;
      if (!room.grow(parser.get().body().size())) co_return asio::error::no_buffer_space;
    }
    co_return error_code();
  }

  Awaitable<Response> answer(Request request) {
    const auto match = server_->router.find(request.method, request.path);
    if (std::holds_alternative<Router::NoSuchPath>(match)) {
      if (server_->sockets.contains(request.path)) {
        auto response = refusal(426, request.path, "this path speaks WebSocket only");
        response.headers.set("Upgrade", "websocket");
        co_return response;
      }
      co_return refusal(404, request.path, "there is nothing at " + request.path);
    }
    if (const auto* wrong = std::get_if<Router::WrongMethod>(&match)) {
      auto response = refusal(405, request.path, request.path + " takes " + wrong->allowed);
      response.headers.set("Allow", wrong->allowed);
      co_return response;
    }

    answer_ = std::make_shared<Answer>();
    struct Forget {
      std::shared_ptr<Answer>& answer;
      ~Forget() {
        answer->wake = nullptr;
        answer = nullptr;
      }
    } forget{answer_};
    // `match` holds it: the handler may stop the server, which forgets its routes.
    call(*std::get<Router::Shared>(match), std::move(request), answer_);
    if (!answer_->response && socket().is_open()) {
      SteadyTimer woken(stream_.get_executor(), SteadyTimer::time_point::max());
      answer_->wake = [&woken] { woken.cancel(); };
      if (buffer_.size() == 0) watch();
      co_await woken.async_wait(kAwait);
      answer_->wake = nullptr;
    }
    // Nothing when the connection was dropped meanwhile.
    co_return answer_->response ? std::move(*answer_->response) : Response{};
  }

  static void call(const Handler& handler, Request request, std::shared_ptr<Answer> answer) {
    auto responder = std::make_shared<Responder>(answer);
    try {
      handler(std::move(request), [responder = std::move(responder)](Response response) {
        responder->answer->give(std::move(response));
      });
    } catch (const std::exception& defect) {
      // Replaces the "no answer" that letting go of `responder` just gave.
      answer->response = textResponse(500, std::string("defect: ") + defect.what());
    }
  }

  Awaitable<bool> upgradeTo(Parser& parser, const std::string& target, Headers headers) {
    const auto query = target.find('?');
    RequestInfo info{.path = target.substr(0, query),
                     .query = query == std::string::npos ? "" : target.substr(query + 1),
                     .headers = std::move(headers),
                     .peer = peerText(socket())};
    const auto found = server_->sockets.find(info.path);
    if (found == server_->sockets.end()) {
      co_return co_await refuse(404, info.path, "there is no WebSocket at " + info.path);
    }
    if (buffer_.size() > 0 || !parser.is_done()) {
      co_return co_await refuse(400, info.path, "data before the WebSocket was accepted");
    }
    deadline_->end();
    serveWebSocket(server_, std::move(stream_), parser.release(), found->second, std::move(info));
    co_return false;
  }

  static std::string pathOf(std::string_view target) {
    return std::string(target.substr(0, target.find('?')));
  }

  Response refusal(int status, std::string_view path, std::string_view reason) const {
    const auto& form = server_->options.refusal;
    return form ? form(status, path, reason) : textResponse(status, reason);
  }

  Awaitable<bool> refuseBroken(error_code error, std::string path) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      co_return co_await refuse(431, std::move(path),
                                "the request's header is larger than " +
                                    std::to_string(server_->options.maxHeaderBytes) + " bytes");
    }
    if (error == http::error::body_limit) {
      co_return co_await refuse(413, std::move(path),
                                "the request's body is larger than " +
                                    std::to_string(server_->options.maxBodyBytes) + " bytes");
    }
    if (error == asio::error::no_buffer_space) {
      co_return co_await refuse(503, std::move(path),
                                "the bodies of other requests take all room; try again later");
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error.category() != make_error_code(http::error::bad_method).category()) {
      drop();
      co_return false;
    }
    co_return co_await refuse(400, std::move(path), "not an HTTP request: " + error.message());
  }

  /// Answers and ends the connection, whatever of the request has not been read.
  Awaitable<bool> refuse(int status, std::string path, std::string reason) {
    waits(false);
    auto response = refusal(status, path, reason);
    if (status == 503) response.headers.set("Retry-After", "1");
    co_await write(response, false, false);
    co_return false;
  }

  /// Closes the connection in the end unless it is to be kept.
  Awaitable<error_code> write(Response& response, bool keepAlive, bool isHead,
                              bool chunked = true) {
    const auto& options = server_->options;
    auto head =
        responseHead(response, {.ownHost = ownHost_, .keepAlive = keepAlive, .chunked = chunked});
    const bool withBody = !isHead && mayHaveBody(response.status);
    const auto* region = std::get_if<FileRegion>(&response.body);
    const auto* bitByBit = std::get_if<StreamBody>(&response.body);

    asio::const_buffer body;
    if (withBody && !region && !bitByBit) {
      const auto* text = std::get_if<std::string>(&response.body);
      body = text ? asio::buffer(*text) : asio::buffer(std::get<StaticBody>(response.body));
    }
    const auto firstSlice = asio::buffer(body, kWriteSlice);
    const std::array<asio::const_buffer, 2> first{asio::buffer(head), firstSlice};
    deadline_->set(options.idleTimeout);
    auto [error, count] = co_await asio::async_write(stream_, first, kAwait);
    for (body += firstSlice.size(); !error && body.size() > 0; body += kWriteSlice) {
      deadline_->set(options.idleTimeout);
      std::tie(error, count) =
          co_await asio::async_write(stream_, asio::buffer(body, kWriteSlice), kAwait);
    }
    if (!error && withBody && region && region->length > 0) {
      const std::function<void()> progress = [this] {
        deadline_->set(server_->options.idleTimeout);
      };
      error = co_await sendFile(stream_, *region, progress);
    }
    if (bitByBit && (error || !withBody)) bitByBit->stream->leave();
    if (!error && withBody && bitByBit) {
      error = co_await writeStream(bitByBit->stream, chunked && !bitByBit->length);
    }
    if (error) {
      drop();
    } else if (!keepAlive) {
      co_await finish();
    }
    co_return error;
  }

  /// What the handler writes, as it comes, while the peer's end is watched for.
  Awaitable<error_code> writeStream(std::shared_ptr<BodyStream> body, bool chunked) {
    SteadyTimer woken(stream_.get_executor(), SteadyTimer::time_point::max());
    struct Leave {
      BodyStream& body;
      ~Leave() { body.leave(); }
    } leave{*body};
    body->attach([executor = stream_.get_executor(), weak = this->weak_from_this(), &woken] {
      asio::post(executor, [weak, &woken] {
        const auto self = weak.lock();
        if (self && self->streaming_ == &woken) woken.cancel();
      });
    });
    streaming_ = &woken;
    struct Forget {
      SteadyTimer*& streaming;
      ~Forget() { streaming = nullptr; }
    } forget{streaming_};
    const std::stop_callback wake(closed_.get_token(), [&woken] { woken.cancel(); });
    if (buffer_.size() == 0) watch();
    std::string_view owed;  // the end of the chunk before, which goes with what follows
    while (true) {
      auto part = body->take();
      if (closed_.stop_requested() || part.failed) co_return asio::error::connection_aborted;
      const bool none = part.text.empty() && !part.file && !part.ended;
      if (none && owed.empty()) {
        deadline_->clear();
        co_await woken.async_wait(kAwait);
        continue;
      }
      if (const auto error = co_await writePart(part, std::exchange(owed, {}), chunked)) {
        co_return error;
      }
      if (part.file && chunked && !part.ended) owed = "\r\n";
      if (!none) body->taken();
      if (part.ended) co_return error_code();
    }
  }

  /// `before`: what is written before it. The end of a chunk that ends with a file is left to the
  /// next part, but for the last.
  Awaitable<error_code> writePart(const BodyStream::Part& part, std::string_view before,
                                  bool chunked) {
    const auto size = part.text.size() + (part.file ? part.file->length : 0);
    auto head = std::string(before);
    if (chunked && size > 0) head += fmt::format("{:x}\r\n", size);
    std::string_view tail = chunked && size > 0 && !part.file ? "\r\n" : "";
    if (chunked && part.ended) tail = size == 0 ? "0\r\n\r\n" : "\r\n0\r\n\r\n";
    const std::array<asio::const_buffer, 3> pieces{
        asio::buffer(head), asio::buffer(part.text),
        part.file ? asio::const_buffer() : asio::buffer(tail)};
    deadline_->set(server_->options.idleTimeout);
    auto [error, count] = co_await asio::async_write(stream_, pieces, kAwait);
    if (error || !part.file) co_return error;
    const std::function<void()> progress = [this] { deadline_->set(server_->options.idleTimeout); };
    error = co_await sendFile(stream_, *part.file, progress);
    if (!error && !tail.empty()) {
      std::tie(error, count) = co_await asio::async_write(stream_, asio::buffer(tail), kAwait);
    }
    co_return error;
  }

  Stream stream_;
  beast::flat_buffer buffer_{server_->options.maxHeaderBytes + kReadBytes};
  std::shared_ptr<Deadline> deadline_;
  std::shared_ptr<Answer> answer_;
  std::string ownHost_;
  std::string peer_;         ///< "address:port"
  std::stop_source closed_;  ///< of the request being answered
  bool http10_ = false;      ///< that request
  bool watching_ = false;
  error_code watchError_;
  std::optional<SteadyTimer> watchEnded_;
  SteadyTimer* streaming_ = nullptr;
};

}  // namespace

void serveHttp(std::shared_ptr<Server::State> server, Socket socket) {
  if (const auto& tls = server->options.tls) {
    TlsStream stream(std::move(socket), tls->impl().context);
    std::make_shared<HttpConnection<TlsStream>>(std::move(server), std::move(stream))->start();
  } else {
    std::make_shared<HttpConnection<PlainStream>>(std::move(server), std::move(socket))->start();
  }
}

}  // namespace webpool::net
