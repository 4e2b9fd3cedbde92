#include "api/gateway/handler.h"

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

#include "api/gateway/gateway.h"
#include "net/body_stream.h"
#include "net/worker_threads.h"

namespace webpool::api::gateway {
namespace {

constexpr std::size_t kPiece = 256u << 10;
// A block more than a piece fits even where this much waits: the writer takes four times of it.
constexpr std::size_t kWaiting = 1u << 20;

struct Pulled {
  std::vector<Piece> pieces;
  bool ended = false;
  bool failed = false;
};

std::size_t costOf(const Piece& piece) {
  return piece.text.size() + (piece.file ? net::BodyWriter::kFileCost : 0);
}

Pulled pull(BodyReader& reader) {
  Pulled pulled;
  for (std::size_t bytes = 0; bytes < kPiece;) {
    auto piece = reader.next();
    pulled.failed = !piece;
    pulled.ended = piece && !*piece;
    if (pulled.failed || pulled.ended) break;
    bytes += costOf(**piece);
    pulled.pieces.push_back(std::move(**piece));
  }
  return pulled;
}

class Stream;

struct Shared {
  Shared(std::shared_ptr<Source> from, net::EventLoop& loop, const GatewayLimits& l)
      : source(std::move(from)), limits(l), beginners(loop, l.threads), readers(loop, l.threads) {}

  std::shared_ptr<Source> source;
  const GatewayLimits limits;
  std::set<std::shared_ptr<Stream>> streams;
  std::size_t waiting = 0;  ///< bytes of all of them that were not sent yet
  net::WorkerThreads beginners;
  net::WorkerThreads readers;
};

/// One body on its way to its client. Lives in Shared::streams until all of it is sent or its
/// client leaves.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(const std::shared_ptr<Shared>& shared, std::unique_ptr<BodyReader> reader)
      : shared_(shared), source_(shared->source), reader_(std::move(reader)) {}

  net::StreamBody body() const { return writer_.body(); }

  void start() {
    const auto weak = weak_from_this();
    writer_.onDrained([weak] {
      if (const auto self = weak.lock()) self->drained();
    });
    left_.emplace(writer_.closed(), std::function<void()>([this] { forget(); }));
    more();
  }

  /// Since when its client has read nothing; nullopt while it is read for.
  std::optional<base::TimePoint> stalledSince() const {
    if (pulling_) return std::nullopt;
    return lastDrained_;
  }

  /// Cuts off what was not sent, and may destroy it.
  void forget() {
    const auto shared = shared_.lock();
    const auto self = shared_from_this();
    if (!shared || shared->streams.erase(self) == 0) return;
    shared->waiting -= std::exchange(waiting_, 0);
    forgotten_ = true;
  }

 private:
  /// All that waited was sent.
  void drained() {
    lastDrained_ = std::chrono::steady_clock::now();
    if (const auto shared = shared_.lock()) shared->waiting -= std::exchange(waiting_, 0);
    if (ended_) return forget();
    if (!pulling_) more();
  }

  void more() {
    const auto shared = shared_.lock();
    if (!shared) return;
    pulling_ = true;
    const auto taken = shared->readers.run(
        [self = shared_from_this()] { return pull(*self->reader_); },
        [self = shared_from_this()](Pulled pulled) { self->write(std::move(pulled)); });
    // Too much to do: the client sees that its body ended too early, and may come again.
    if (!taken) forget();
  }

  void write(Pulled pulled) {
    pulling_ = false;
    const auto shared = shared_.lock();
    if (forgotten_ || !shared) return;
    auto written = net::BodyWriter::Written::Taken;
    for (auto& piece : pulled.pieces) {
      waiting_ += costOf(piece);
      shared->waiting += costOf(piece);
      if (!piece.text.empty()) written = writer_.write(piece.text);
      if (piece.file) written = writer_.write(std::move(*piece.file));
    }
    if (pulled.failed || written == net::BodyWriter::Written::Closed) return forget();
    if (pulled.ended) {
      ended_ = true;  // what waits is sent before it is forgotten
      return writer_.end();
    }
    const bool room = shared->waiting <= shared->limits.waiting;
    if (written == net::BodyWriter::Written::Taken && (room || waiting_ == 0)) more();
  }

  std::weak_ptr<Shared> shared_;
  std::shared_ptr<Source> source_;
  std::unique_ptr<BodyReader> reader_;
  net::BodyWriter writer_{kWaiting};
  std::optional<std::stop_callback<std::function<void()>>> left_;
  std::size_t waiting_ = 0;  ///< its part of Shared::waiting
  base::TimePoint lastDrained_ = std::chrono::steady_clock::now();
  bool pulling_ = false;
  bool ended_ = false;
  bool forgotten_ = false;
};

net::Response busy() {
  auto response = net::textResponse(503, "too many requests wait");
  response.headers.set("Retry-After", "1");
  return response;
}

/// False where all bodies under way are read.
bool makePlace(Shared& shared) {
  if (shared.streams.size() < shared.limits.bodies) return true;
  std::shared_ptr<Stream> slowest;
  auto since = std::chrono::steady_clock::now() - shared.limits.stalled;
  for (const auto& stream : shared.streams) {
    const auto stalled = stream->stalledSince();
    if (!stalled || *stalled > since) continue;
    since = *stalled;
    slowest = stream;
  }
  if (slowest) slowest->forget();
  return slowest != nullptr;
}

net::Response withBody(const std::shared_ptr<Shared>& shared, Answer answered, bool isHead) {
  auto response = std::move(answered.response);
  if (!answered.body) return response;
  const auto stream = std::make_shared<Stream>(shared, std::move(answered.body));
  auto body = stream->body();
  body.length = answered.bodySize;
  response.body = std::move(body);
  if (isHead) return response;
  if (!makePlace(*shared)) return busy();
  shared->streams.insert(stream);
  stream->start();
  return response;
}

}  // namespace

net::Handler gatewayHandler(std::shared_ptr<Source> source, net::EventLoop& loop,
                            const GatewayLimits& limits) {
  const auto shared = std::make_shared<Shared>(std::move(source), loop, limits);
  return [shared](net::Request request, const std::function<void(net::Response)>& respond) {
    const bool isHead = request.method == "HEAD";
    const std::weak_ptr<Shared> weak = shared;
    const auto taken = shared->beginners.run(
        [from = shared->source, asked = std::move(request)] { return answer(*from, asked); },
        [weak, respond, isHead](Answer answered) {
          if (const auto still = weak.lock()) {
            respond(withBody(still, std::move(answered), isHead));
          }
        });
    if (!taken) respond(busy());
  };
}

net::Handler routingHandler(std::shared_ptr<Source> source, Provider self, net::EventLoop& loop) {
  const auto workers = std::make_shared<net::WorkerThreads>(loop, 1);
  return [workers, source = std::move(source), self = std::move(self)](
             net::Request request, const std::function<void(net::Response)>& respond) {
    const auto taken = workers->run(
        [source, self, asked = std::move(request)] { return answerRouting(*source, self, asked); },
        [respond](net::Response response) { respond(std::move(response)); });
    if (!taken) respond(busy());
  };
}

}  // namespace webpool::api::gateway
