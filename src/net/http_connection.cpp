#include "net/http_connection.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>

#include "net/absolute_target.h"
#include "net/acknowledged.h"
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
constexpr std::size_t kSoonTaken = 64u << 10;

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
      if (const auto self = weak.lock()) self->onDeadline();
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

  void onDeadline() {
    const auto before = taken_;
    if (sending_ && (taken_ = bytesAcknowledged(socket().native_handle())) > before) {
      deadline_->set(server_->options.idleTimeout);  // slow, but it reads
    } else if (readingBody_ || (readingHead_ && hasBegun())) {
      tooSlow_ = true;  // it is told so
      error_code ignored;
      socket().cancel(ignored);
    } else {
      drop();
    }
  }

  /// Bytes of the request's head have come.
  bool hasBegun() const { return buffer_.size() > 0 || (parser_ && parser_->got_some()); }

  /// From now on the peer has so long to take any of the next `bytes`. All of them may take longer:
  /// where many share a slow line each gets little, and the kernel takes more from us only when a
  /// good part of its buffer is free again.
  void expectTaking(std::size_t bytes) {
    deadline_->set(server_->options.idleTimeout);
    const bool mayTakeLong = bytes > kSoonTaken;
    taken_ = mayTakeLong ? bytesAcknowledged(socket().native_handle()) : UINT64_MAX;
  }

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
      } else if (!first) {
        // What is answered at once leaves the loop to nobody: requests that wait here take turns
        // with those of others.
        co_await asio::post(stream_.get_executor(), kAwait);
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
    waits(true);  // whoever comes may have its place
    const auto time = server_->options.closeTimeout;
    if constexpr (kIsTls<Stream>) {
      deadline_->set(time);
      (void)co_await stream_.async_shutdown(kAwait);
      if (!socket().is_open()) co_return;
    }
    co_await lingerAndClose(socket(), deadline_, time);
  }

  /// Why a request is not served.
  struct Refused {
    int status = 400;
    std::string path{};
    std::string reason{};
  };

  /// One request and its answer; false when the connection is over. What it needs is in members,
  /// and what is seldom needed in coroutines of their own: Asio keeps the memory of a coroutine for
  /// the next one where that is below a KiB.
  Awaitable<bool> serveOne() {
    auto& parser = parser_.emplace();
    ownHost_.clear();
    headers_ = Headers();
    deadline_->set(server_->options.headerTimeout);
    parser.header_limit(server_->options.maxHeaderBytes);
    parser.body_limit(server_->options.maxBodyBytes);
    tooSlow_ = false;
    auto error = takeRead(parser);
    if (!error && !parser.is_header_done()) error = co_await readHeader(parser);
    waits(false);
    refused_.reset();
    if (!error) tooSlow_ = false;  // it came all the same
    std::optional<BodyRoom> room(std::in_place, *server_);
    if (!error) refused_ = check(parser);
    if (!error && !refused_) {
      if (beast::websocket::is_upgrade(parser.get())) co_return co_await upgradeTo(parser);
      if (!parser.is_done()) error = takeRead(parser);
      if (!error && !room->grow(parser.get().body().size())) error = asio::error::no_buffer_space;
      if (!error && !parser.is_done()) {
        readingBody_ = true;
        error = co_await readBody(parser, *room);
        readingBody_ = false;
      }
    }
    if (error) {
      if (!tooSlow_ && isOver(error)) {
        drop();
        co_return false;
      }
      refused_ = broken(error, pathOf(parser.get().target()));
    }
    if (refused_) {
      room.reset();
      co_return co_await refuse();
    }
    deadline_->clear();

    const bool http10 = http10_ = parser.get().version() < 11;
    Manner manner{.keepAlive = parser.get().keep_alive(),
                  .isHead = parser.get().method() == http::verb::head,
                  .chunked = !http10};
    response_ = dispatch(takeRequest());
    if (!response_) response_ = co_await awaitAnswer();
    answer_ = nullptr;
    room.reset();
    const auto* stream = std::get_if<StreamBody>(&response_->body);
    if (http10 && stream && !stream->length) manner.keepAlive = false;
    bool more = socket().is_open();
    if (more && !writeNow(*response_, manner)) {
      error = co_await write(*response_, manner);
      more = !error && manner.keepAlive;
    }
    response_.reset();
    co_return more;
  }

  Awaitable<error_code> readHeader(Parser& parser) {
    readingHead_ = true;
    const auto [error, count] = co_await http::async_read_header(stream_, buffer_, parser, kAwait);
    readingHead_ = false;
    co_return error;
  }

  /// None where the request may be served, as far as its header tells.
  std::optional<Refused> check(Parser& parser) {
    auto& head = parser.get();
    headers_ = headersOf(head);
    if (auto absolute = absoluteTarget(head.target(), kIsTls<Stream>)) {
      head.target(absolute->target);
      // It counts, and not what the field says (RFC 9112, section 3.2.2).
      if (headers_.count("Host") == 1) headers_.set("Host", std::move(absolute->host));
    }
    const bool upgrade = beast::websocket::is_upgrade(head);
    if (const auto refusal =
            server_->policy.check(headers_, upgrade, isOpen(head.method(), head.target()))) {
      return Refused{
          .status = refusal->status, .path = pathOf(head.target()), .reason = refusal->reason};
    }
    ownHost_ = headers_.get("Host");
    if (!head.target().starts_with('/')) {
      return Refused{
          .status = 400,
          .reason = "the request target must begin with '/' or with this server's address"};
    }
    return std::nullopt;
  }

  /// Out of the parser, which is not needed any more.
  Request takeRequest() {
    auto& parser = *parser_;
    const std::string_view target = parser.get().target();
    const auto query = target.find('?');
    Request request;
    request.method = parser.get().method_string();
    request.path = target.substr(0, query);
    if (query != std::string_view::npos) request.query = target.substr(query + 1);
    request.headers = std::move(headers_);
    request.body = std::move(parser.get().body());
    if (peer_.empty()) peer_ = peerText(socket());
    request.peer = peer_;
    closed_ = std::stop_source();
    request.closed = closed_.get_token();
    parser_.reset();
    return request;
  }

  /// Whether pages of every origin may read there.
  bool isOpen(http::verb method, std::string_view target) const {
    const bool reads =
        method == http::verb::get || method == http::verb::head || method == http::verb::options;
    return reads && std::ranges::any_of(server_->options.openPrefixes, [&](const auto& prefix) {
             return target.starts_with(prefix);
           });
  }

  /// Gives the parser what has come already, for which the loop need not be asked.
  error_code takeRead(Parser& parser) {
    error_code error;
    if (buffer_.size() > 0) buffer_.consume(parser.put(buffer_.cdata(), error));
    return error == http::error::need_more ? error_code() : error;
  }

  /// What is missing of it. `no_buffer_space` when all bodies together are too much.
  Awaitable<error_code> readBody(Parser& parser, BodyRoom& room) {
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

  /// The answer, where the handler gives it at once; else awaitAnswer() has it.
  std::optional<Response> dispatch(Request request) {
    const auto match = server_->router.find(request.method, request.path);
    if (std::holds_alternative<Router::NoSuchPath>(match)) {
      if (server_->sockets.contains(request.path)) {
        auto response = refusal(426, request, "this path speaks WebSocket only");
        response.headers.set("Upgrade", "websocket");
        return response;
      }
      return refusal(404, request, "there is nothing at " + request.path);
    }
    if (const auto* wrong = std::get_if<Router::WrongMethod>(&match)) {
      auto response = refusal(405, request, request.path + " takes " + wrong->allowed);
      response.headers.set("Allow", wrong->allowed);
      return response;
    }
    answer_ = std::make_shared<Answer>();
    // `match` holds it: the handler may stop the server, which forgets its routes.
    call(*std::get<Router::Shared>(match), std::move(request), answer_);
    if (!answer_->response) return std::nullopt;
    // Moved from and still there: that there was one is known to those who come later.
    return std::move(*answer_->response);
  }

  Awaitable<Response> awaitAnswer() {
    if (socket().is_open()) {
      SteadyTimer woken(stream_.get_executor(), SteadyTimer::time_point::max());
      struct Forget {
        Answer& answer;
        ~Forget() { answer.wake = nullptr; }
      } forget{*answer_};
      answer_->wake = [&woken] { woken.cancel(); };
      if (buffer_.size() == 0) watch();
      co_await woken.async_wait(kAwait);
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

  Awaitable<bool> upgradeTo(Parser& parser) {
    const std::string_view target = parser.get().target();
    const auto query = target.find('?');
    RequestInfo info{
        .path = pathOf(target), .query = {}, .headers = {}, .peer = peerText(socket())};
    if (query != std::string_view::npos) info.query = target.substr(query + 1);
    info.headers = std::move(headers_);
    const auto found = server_->sockets.find(info.path);
    if (found == server_->sockets.end()) {
      refused_ = {404, info.path, "there is no WebSocket at " + info.path};
      co_return co_await refuse();
    }
    if (buffer_.size() > 0 || !parser.is_done()) {
      refused_ = {400, info.path, "data before the WebSocket was accepted"};
      co_return co_await refuse();
    }
    deadline_->end();
    serveWebSocket(server_, std::move(stream_), parser.release(), found->second, std::move(info));
    co_return false;
  }

  static std::string pathOf(std::string_view target) {
    return std::string(target.substr(0, target.find('?')));
  }

  Response refusal(int status, const Request& request, std::string_view reason) const {
    const RefusedRequest refused{request.method, request.path, request.peer, request.headers};
    return refusal(status, refused, reason);
  }

  Response refusal(int status, const RefusedRequest& request, std::string_view reason) const {
    const auto& options = server_->options;
    auto response = options.refusal ? options.refusal(status, request.path, reason)
                                    : textResponse(status, reason);
    if (options.onRefusal) options.onRefusal(request, response);
    return response;
  }

  /// The peer is gone, or nothing can be read of it any more.
  static bool isOver(error_code error) {
    if (error == asio::error::no_buffer_space) return false;
    return error == http::error::end_of_stream || error == http::error::partial_message ||
           error.category() != make_error_code(http::error::bad_method).category();
  }

  Refused broken(error_code error, std::string path) const {
    const auto& options = server_->options;
    if (tooSlow_) {
      const bool isBody = parser_ && parser_->is_header_done();
      return {408, std::move(path),
              fmt::format("the request's {} came too slowly", isBody ? "body" : "head")};
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return {431, std::move(path),
              fmt::format("the request's header is larger than {} bytes", options.maxHeaderBytes)};
    }
    if (error == http::error::body_limit) {
      return {413, std::move(path),
              fmt::format("the request's body is larger than {} bytes", options.maxBodyBytes)};
    }
    if (error == asio::error::no_buffer_space) {
      return {503, std::move(path), "the bodies of other requests take all room; try again later"};
    }
    return {400, std::move(path), "not an HTTP request: " + error.message()};
  }

  /// Answers and ends the connection, whatever of the request has not been read.
  Awaitable<bool> refuse() {
    waits(false);
    std::string method;
    if (parser_ && parser_->is_header_done()) method = parser_->get().method_string();
    if (peer_.empty()) peer_ = peerText(socket());
    const RefusedRequest request{method, refused_->path, peer_, headers_};
    auto response = refusal(refused_->status, request, refused_->reason);
    if (refused_->status == 503) response.headers.set("Retry-After", "1");
    const Manner manner{.keepAlive = false};
    writeNow(response, manner);
    co_await write(response, manner);
    co_return false;
  }

  /// What the socket takes at once, which is all of most answers: then the loop need not be asked.
  std::size_t sendNow(std::span<const asio::const_buffer, 2> buffers) {
    if constexpr (kIsTls<Stream>) return 0;
    std::array<iovec, 2> parts{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      // sendmsg(2) only reads what its type does not say so of.
      parts[i] = {const_cast<void*>(buffers[i].data()), buffers[i].size()};
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto sent = ::sendmsg(socket().native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }

  /// How a response is written.
  struct Manner {
    bool keepAlive = true;
    bool isHead = false;
    bool chunked = true;
  };

  /// Of a body that lies in memory, where it is to be sent.
  static asio::const_buffer memoryOf(const Response& response, const Manner& manner) {
    if (manner.isHead || !mayHaveBody(response.status)) return {};
    if (const auto* text = std::get_if<std::string>(&response.body)) return asio::buffer(*text);
    const auto* bytes = std::get_if<StaticBody>(&response.body);
    return bytes ? asio::buffer(*bytes) : asio::const_buffer();
  }

  /// Writes what the socket takes at once: true where nothing is left to do, as after most answers.
  bool writeNow(Response& response, const Manner& manner) {
    head_ = responseHead(
        response, {.ownHost = ownHost_, .keepAlive = manner.keepAlive, .chunked = manner.chunked});
    const auto body = memoryOf(response, manner);
    const std::array<asio::const_buffer, 2> first{asio::buffer(head_),
                                                  asio::buffer(body, kWriteSlice)};
    sent_ = sendNow(first);
    const bool inMemory = std::holds_alternative<std::string>(response.body) ||
                          std::holds_alternative<StaticBody>(response.body);
    return manner.keepAlive && inMemory && sent_ == head_.size() + body.size();
  }

  /// What writeNow() has left. Closes the connection in the end unless it is to be kept.
  Awaitable<error_code> write(Response& response, Manner manner) {
    const bool withBody = !manner.isHead && mayHaveBody(response.status);
    const auto* region = std::get_if<FileRegion>(&response.body);
    const auto* bitByBit = std::get_if<StreamBody>(&response.body);

    auto body = memoryOf(response, manner);
    const auto firstSlice = asio::buffer(body, kWriteSlice);
    const std::array<asio::const_buffer, 2> first{asio::buffer(head_), firstSlice};
    sending_ = true;
    expectTaking(firstSlice.size());
    error_code error;
    std::size_t count = 0;
    if (sent_ < asio::buffer_size(first)) {
      beast::buffers_suffix rest(first);
      rest.consume(sent_);
      std::tie(error, count) = co_await asio::async_write(stream_, rest, kAwait);
    }
    for (body += firstSlice.size(); !error && body.size() > 0; body += kWriteSlice) {
      expectTaking(kWriteSlice);
      std::tie(error, count) =
          co_await asio::async_write(stream_, asio::buffer(body, kWriteSlice), kAwait);
    }
    if (!error && withBody && region && region->length > 0) {
      const std::function<void()> progress = [this] { expectTaking(kWriteSlice); };
      error = co_await sendFile(stream_, *region, progress);
    }
    if (bitByBit && (error || !withBody)) bitByBit->stream->leave();
    if (!error && withBody && bitByBit) {
      error = co_await writeStream(bitByBit->stream, manner.chunked && !bitByBit->length);
    }
    sending_ = false;
    if (error) {
      drop();
    } else if (!manner.keepAlive) {
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
    expectTaking(part.text.size());
    auto [error, count] = co_await asio::async_write(stream_, pieces, kAwait);
    if (error || !part.file) co_return error;
    const std::function<void()> progress = [this] { expectTaking(kWriteSlice); };
    error = co_await sendFile(stream_, *part.file, progress);
    if (!error && !tail.empty()) {
      std::tie(error, count) = co_await asio::async_write(stream_, asio::buffer(tail), kAwait);
    }
    co_return error;
  }

  Stream stream_;
  beast::flat_buffer buffer_{server_->options.maxHeaderBytes + kReadBytes};
  std::shared_ptr<Deadline> deadline_;
  std::optional<Parser> parser_;  ///< of the request that is read
  std::optional<Refused> refused_;
  std::optional<Response> response_;  ///< that is written
  std::string head_;                  ///< of the answer that is written
  std::size_t sent_ = 0;              ///< of its head and body, by writeNow()
  std::shared_ptr<Answer> answer_;
  Headers headers_;  ///< of the request that is read
  std::string ownHost_;
  std::string peer_;         ///< "address:port"
  std::stop_source closed_;  ///< of the request being answered
  bool http10_ = false;      ///< that request
  bool readingHead_ = false;
  bool readingBody_ = false;
  bool tooSlow_ = false;     ///< its head or its body
  bool sending_ = false;     ///< an answer
  std::uint64_t taken_ = 0;  ///< bytes that the peer had acknowledged when it was last looked at
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
