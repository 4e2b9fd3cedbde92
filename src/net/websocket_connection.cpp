#include "net/websocket_connection.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/message_buffer.h"

namespace webpool::net {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
using session::CloseCode;

/// A stream of a type of its own, so that Beast finds our way to end it (below), and so that it can
/// be seen whether a large write gets on.
template <class Stream>
struct Layer : Stream {
  explicit Layer(Stream stream) : Stream(std::move(stream)) {}

  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    ++writes;
    return Stream::async_write_some(buffers, std::forward<Handler>(handler));
  }

  std::uint64_t writes = 0;  ///< begun: all but the last one have ended
};

/// Beast would wait here, without limit, for the peer to close. WebSocketConnection does that, with
/// a limit; and it says TLS's own good-bye.
template <class Stream, class Handler>
void async_teardown(beast::role_type, Layer<Stream>& stream, Handler&& handler) {
  error_code error;
  if constexpr (!kIsTls<Stream>) stream.shutdown(Socket::shutdown_send, error);
  asio::post(stream.get_executor(),
             beast::bind_front_handler(std::forward<Handler>(handler), error));
}

template <class Stream>
void teardown(beast::role_type, Layer<Stream>& stream, error_code& error) {
  socketOf(stream).shutdown(Socket::shutdown_send, error);
}

namespace {

constexpr std::uint16_t kAbnormal = 1006;
constexpr std::size_t kFirstRead = 1536;  // what Beast reads to find a header; the rest goes direct
constexpr std::size_t kMaxReason = 123;   // what a close frame can hold

/// At most kMaxReason bytes, not cut inside a UTF-8 sequence.
std::string shortReason(std::string reason) {
  if (reason.size() <= kMaxReason) return reason;
  auto end = kMaxReason;
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xc0) == 0x80) --end;
  reason.resize(end);
  return reason;
}

/// `Stream`: PlainStream or TlsStream.
template <class Stream>
class WebSocketConnection final : public Connection,
                                  public std::enable_shared_from_this<WebSocketConnection<Stream>> {
 public:
  WebSocketConnection(std::shared_ptr<Server::State> server, Stream stream)
      : Connection(std::move(server)), stream_(std::move(stream)) {}
  ~WebSocketConnection() override {
    if (deadline_) deadline_->end();
  }

  void start(UpgradeRequest request, ChannelFactory factory, RequestInfo info) {
    deadline_ = std::make_shared<Deadline>(stream_.get_executor(), [weak = this->weak_from_this()] {
      if (const auto self = weak.lock()) self->onDeadline();
    });
    stream_.auto_fragment(false);
    stream_.binary(true);
    // Sizes and times are watched here: Beast's limits end with codes of its own.
    stream_.read_message_max(0);
    stream_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                       websocket::stream_base::none(), false});
    asio::co_spawn(
        stream_.get_executor(),
        run(this->shared_from_this(), std::move(request), std::move(factory), std::move(info)),
        kRethrow);
  }

  void send(std::vector<Bytes> pieces) {
    if (closing_ || ended_) return;
    Outgoing item;
    item.pieces = std::move(pieces);
    item.buffers.reserve(item.pieces.size() + 1);
    for (const auto& piece : item.pieces) {
      if (piece.empty()) continue;
      item.buffers.emplace_back(piece.data(), piece.size());
      item.size += piece.size();
    }
    if (item.buffers.empty()) item.buffers.emplace_back();
    if (item.size > server_->options.maxQueuedBytes - queuedBytes_) {
      // The peer does not read: what waits would never leave.
      if (!queue_.empty()) {
        const auto first = writing_ ? queue_.begin() + 1 : queue_.begin();
        for (auto at = first; at != queue_.end(); ++at) queuedBytes_ -= at->size;
        queue_.erase(first, queue_.end());
      }
      close(CloseCode::TooLarge, "more than " + std::to_string(server_->options.maxQueuedBytes) +
                                     " bytes wait to be sent: the peer does not read");
      return;
    }
    queuedBytes_ += item.size;
    queue_.push_back(std::move(item));
    if (!writing_) writeNext();
  }

  std::size_t queuedBytes() const noexcept { return queuedBytes_; }

  void close(CloseCode code, std::string reason) {
    if (closing_ || ended_) return;
    closing_.emplace(static_cast<std::uint16_t>(code), shortReason(std::move(reason)));
    extendDeadline();
    if (!writing_) startClose();
  }

  /// The owner of the channel is gone.
  void abandon() {
    listener_ = nullptr;
    abandoned_ = true;
    // The factory's word about the peer comes first.
    if (accepted_) close(CloseCode::Normal, "");
  }

  void drop() noexcept override {
    listener_ = nullptr;
    ended_ = true;
    deadline_->end();
    if (!kIsTls<Stream> && !writing_ && stream_.is_open()) {
      // Close frame 1001, "going away"; lost when the socket's buffer is full.
      static constexpr std::array<unsigned char, 4> kGoingAway{0x88, 0x02, 0x03, 0xe9};
      (void)!::send(socket().native_handle(), kGoingAway.data(), kGoingAway.size(),
                    MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    closeSocket();
  }

 private:
  struct Outgoing {
    std::vector<Bytes> pieces;
    std::vector<asio::const_buffer> buffers;
    std::size_t size = 0;
  };
  struct Ending {
    Ending(std::uint16_t c, std::string r) : code(c), reason(std::move(r)) {}
    std::uint16_t code;
    std::string reason;
  };

  Socket& socket() noexcept { return socketOf(stream_.next_layer()); }

  void closeSocket() noexcept {
    error_code ignored;
    socket().close(ignored);
  }

  Awaitable<void> run(std::shared_ptr<WebSocketConnection> self, UpgradeRequest request,
                      ChannelFactory factory, RequestInfo info);
  Awaitable<void> readAll();
  Awaitable<error_code> readMessage(MessageBuffer& message);

  void writeNext() {
    writing_ = true;
    if (!closing_) deadline_->set(server_->options.idleTimeout);
    // The front stays where it is until it is written, also when the connection ends meanwhile.
    stream_.async_write(std::span<const asio::const_buffer>(queue_.front().buffers),
                        [self = this->shared_from_this()](error_code error, std::size_t) {
                          self->onWritten(error);
                        });
  }

  void onWritten(error_code error) {
    writing_ = false;
    queuedBytes_ -= queue_.front().size;
    queue_.pop_front();
    if (ended_) return;
    if (error) {
      end(kAbnormal, "the connection broke: " + error.message());
    } else if (!queue_.empty()) {
      if (closing_) extendDeadline();
      writeNext();
    } else if (closing_) {
      startClose();
    } else {
      deadline_->clear();
    }
  }

  void startClose() {
    // When the peer's close came first, the reader is ending the connection already.
    if (!stream_.is_open()) return;
    websocket::close_reason reason(closing_->code);
    reason.reason = closing_->reason;
    stream_.async_close(
        reason, [self = this->shared_from_this()](error_code) { self->end(kAbnormal, ""); });
  }

  /// Time for the peer to take what is queued and to answer the close.
  void extendDeadline() {
    deadline_->set(server_->options.closeTimeout + std::chrono::seconds(queuedBytes_ >> 24));
  }

  void onDeadline() {
    const auto writes = stream_.next_layer().writes;
    const bool sending = writing_ && !closing_ && !ended_;
    if (sending && writes != std::exchange(writesSeen_, writes)) {
      deadline_->set(server_->options.idleTimeout);  // slow, but it reads
      return;
    }
    closeSocket();
    end(kAbnormal,
        closing_ ? "the peer did not close in time" : "the peer takes nothing of what it is sent");
  }

  /// Last act, once; never inside a call of the owner.
  void end(std::uint16_t code, std::string reason) {
    if (ended_) return;
    ended_ = true;
    if (closing_) {
      code = closing_->code;
      reason = closing_->reason;
    }
    asio::co_spawn(stream_.get_executor(), linger(this->shared_from_this()), kRethrow);
    if (auto* listener = std::exchange(listener_, nullptr)) {
      listener->onClosed(code, std::move(reason));
    }
  }

  static Awaitable<void> linger(std::shared_ptr<WebSocketConnection> self) {
    const auto time = self->server_->options.closeTimeout;
    if constexpr (kIsTls<Stream>) {
      self->deadline_->set(time);
      (void)co_await self->stream_.next_layer().async_shutdown(kAwait);
    }
    co_await lingerAndClose(self->socket(), self->deadline_, time);
    self->deadline_->end();
    self->leave();
  }

  websocket::stream<Layer<Stream>, false> stream_;
  std::shared_ptr<Deadline> deadline_;
  session::ChannelListener* listener_ = nullptr;
  std::deque<Outgoing> queue_;
  std::size_t queuedBytes_ = 0;
  std::uint64_t writesSeen_ = 0;  ///< when the deadline was looked at last
  bool writing_ = false;
  bool ended_ = false;
  bool accepted_ = false;   // the factory has spoken
  bool abandoned_ = false;  // the channel was destroyed
  std::optional<Ending> closing_;
};

/// Refers to the connection only: that one lives as long as its socket, at most as long as the
/// loop.
template <class Stream>
class WebSocketChannel final : public session::Channel {
 public:
  explicit WebSocketChannel(const std::shared_ptr<WebSocketConnection<Stream>>& connection)
      : connection_(connection) {}
  ~WebSocketChannel() override {
    if (const auto connection = connection_.lock()) connection->abandon();
  }
  void send(std::vector<Bytes> pieces) override {
    if (const auto connection = connection_.lock()) connection->send(std::move(pieces));
  }
  std::size_t queuedBytes() const override {
    const auto connection = connection_.lock();
    return connection ? connection->queuedBytes() : 0;
  }
  void close(CloseCode code, std::string reason) override {
    if (const auto connection = connection_.lock()) connection->close(code, std::move(reason));
  }

 private:
  const std::weak_ptr<WebSocketConnection<Stream>> connection_;
};

template <class Stream>
Awaitable<void> WebSocketConnection<Stream>::run(std::shared_ptr<WebSocketConnection> self,
                                                 UpgradeRequest request, ChannelFactory factory,
                                                 RequestInfo info) {
  deadline_->set(server_->options.headerTimeout);
  const auto [error] = co_await stream_.async_accept(request, kAwait);
  if (ended_) co_return;
  if (error) {
    // Beast has told the peer what was wrong with its handshake.
    end(kAbnormal, "");
    co_return;
  }
  deadline_->clear();
  request = {};  // this coroutine lasts as long as the connection, and there may be thousands
  auto* listener = factory(std::make_unique<WebSocketChannel<Stream>>(self), std::move(info));
  factory = nullptr;
  accepted_ = true;
  if (ended_) co_return;
  if (!listener) close(CloseCode::Unauthorized, "this WebSocket is refused");
  if (abandoned_) close(CloseCode::Normal, "");
  listener_ = abandoned_ ? nullptr : listener;
  co_await readAll();
}

template <class Stream>
Awaitable<void> WebSocketConnection<Stream>::readAll() {
  while (!ended_ && !closing_) {
    MessageBuffer message;
    const auto error = co_await readMessage(message);
    // While closing, the close operation reads on and ends the connection.
    if (ended_ || (closing_ && !error)) co_return;
    if (error == websocket::error::closed) {
      const auto& reason = stream_.reason().reason;
      end(stream_.reason().code, std::string(reason.begin(), reason.end()));
    } else if (error) {
      end(kAbnormal, "the connection broke: " + error.message());
    } else {
      listener_->onFrame(message.take());
    }
  }
}

/// Whole, or with closing_ set when it is none that this server takes.
template <class Stream>
Awaitable<error_code> WebSocketConnection<Stream>::readMessage(MessageBuffer& message) {
  const auto limit = server_->options.maxFrameBytes;
  std::array<std::byte, kFirstRead> first;
  auto [error, count] = co_await stream_.async_read_some(asio::buffer(first), kAwait);
  if (error || closing_ || ended_) co_return error;
  if (stream_.got_text()) {
    close(CloseCode::Protocol, "text messages are not part of the protocol");
    co_return error_code();
  }
  std::size_t waiting = count;  // of `first`, not yet in `message`
  while (true) {
    const bool done = stream_.is_message_done();
    // Exact in a last frame; at least what this frame still holds in an earlier one.
    const auto rest = done ? 0 : stream_.read_size_hint(kFirstRead);
    const auto held = message.size() + waiting;
    if (held > limit || (rest > kFirstRead && rest > limit - held)) {
      close(CloseCode::TooLarge, "a frame of more than " + std::to_string(limit) + " bytes");
      co_return error_code();
    }
    const auto room = message.room(waiting + rest);
    if (room.size() < waiting + rest) {
      close(CloseCode::TooLarge, "no memory for a frame of this size");
      co_return error_code();
    }
    if (waiting > 0) std::memcpy(room.data(), first.data(), waiting);
    message.commit(std::exchange(waiting, 0));
    if (done) co_return error_code();
    if (listener_) listener_->onPart();
    const auto target = message.room(rest);
    std::tie(error, count) =
        co_await stream_.async_read_some(asio::buffer(target.data(), target.size()), kAwait);
    if (error || closing_ || ended_) co_return error;
    message.commit(count);
  }
}

}  // namespace

void serveWebSocket(std::shared_ptr<Server::State> server, PlainStream stream,
                    UpgradeRequest request, ChannelFactory factory, RequestInfo info) {
  std::make_shared<WebSocketConnection<PlainStream>>(std::move(server), std::move(stream))
      ->start(std::move(request), std::move(factory), std::move(info));
}

void serveWebSocket(std::shared_ptr<Server::State> server, TlsStream stream, UpgradeRequest request,
                    ChannelFactory factory, RequestInfo info) {
  std::make_shared<WebSocketConnection<TlsStream>>(std::move(server), std::move(stream))
      ->start(std::move(request), std::move(factory), std::move(info));
}

}  // namespace webpool::net
