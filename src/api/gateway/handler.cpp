#include "api/gateway/handler.h"

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

Pulled pull(BodyReader& reader) {
  Pulled pulled;
  for (std::size_t bytes = 0; bytes < kPiece;) {
    auto piece = reader.next();
    pulled.failed = !piece;
    pulled.ended = piece && !*piece;
    if (pulled.failed || pulled.ended) break;
    bytes += (*piece)->text.size() + ((*piece)->file ? net::BodyWriter::kFileCost : 0);
    pulled.pieces.push_back(std::move(**piece));
  }
  return pulled;
}

class Stream;

struct Shared {
  Shared(std::shared_ptr<Source> from, net::EventLoop& loop, unsigned threads)
      : source(std::move(from)), workers(loop, threads) {}

  std::shared_ptr<Source> source;
  std::set<std::shared_ptr<Stream>> streams;
  net::WorkerThreads workers;
};

/// One body on its way to its client. Lives in Shared::streams until it ends or its client leaves.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(const std::shared_ptr<Shared>& shared, std::unique_ptr<BodyReader> reader)
      : shared_(shared), source_(shared->source), reader_(std::move(reader)) {}

  net::StreamBody body() const { return writer_.body(); }

  void start() {
    const auto weak = weak_from_this();
    writer_.onDrained([weak] {
      if (const auto self = weak.lock(); self && !self->pulling_) self->more();
    });
    left_.emplace(writer_.closed(), std::function<void()>([this] { forget(); }));
    more();
  }

 private:
  void more() {
    const auto shared = shared_.lock();
    if (!shared) return;
    pulling_ = true;
    const auto taken = shared->workers.run(
        [self = shared_from_this()] { return pull(*self->reader_); },
        [self = shared_from_this()](Pulled pulled) { self->write(std::move(pulled)); });
    // Too much to do: the client sees that its body ended too early, and may come again.
    if (!taken) forget();
  }

  void write(Pulled pulled) {
    pulling_ = false;
    auto written = net::BodyWriter::Written::Taken;
    for (auto& piece : pulled.pieces) {
      if (!piece.text.empty()) written = writer_.write(piece.text);
      if (piece.file) written = writer_.write(std::move(*piece.file));
    }
    if (pulled.ended) writer_.end();
    if (pulled.ended || pulled.failed || written == net::BodyWriter::Written::Closed) {
      return forget();
    }
    if (written == net::BodyWriter::Written::Taken) more();
  }

  /// May destroy this.
  void forget() {
    if (const auto shared = shared_.lock()) shared->streams.erase(shared_from_this());
  }

  std::weak_ptr<Shared> shared_;
  std::shared_ptr<Source> source_;
  std::unique_ptr<BodyReader> reader_;
  net::BodyWriter writer_{kWaiting};
  std::optional<std::stop_callback<std::function<void()>>> left_;
  bool pulling_ = false;
};

net::Response busy() {
  auto response = net::textResponse(503, "too many requests wait");
  response.headers.set("Retry-After", "1");
  return response;
}

net::Response withBody(const std::shared_ptr<Shared>& shared, Answer answered, bool isHead) {
  auto response = std::move(answered.response);
  if (!answered.body) return response;
  const auto stream = std::make_shared<Stream>(shared, std::move(answered.body));
  auto body = stream->body();
  body.length = answered.bodySize;
  response.body = std::move(body);
  if (isHead) return response;
  shared->streams.insert(stream);
  stream->start();
  return response;
}

}  // namespace

net::Handler gatewayHandler(std::shared_ptr<Source> source, net::EventLoop& loop,
                            unsigned threads) {
  const auto shared = std::make_shared<Shared>(std::move(source), loop, threads);
  return [shared](net::Request request, const std::function<void(net::Response)>& respond) {
    const bool isHead = request.method == "HEAD";
    const std::weak_ptr<Shared> weak = shared;
    const auto taken = shared->workers.run(
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
