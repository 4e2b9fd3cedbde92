// The body of an answer that comes bit by bit. One side writes, from any thread; the connection
// takes what is there as fast as its client reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "net/file_region.h"

namespace webpool::net {

/// Between the writer and the connection; thread-safe. Handlers use BodyWriter.
class BodyStream {
 public:
  explicit BodyStream(std::size_t limit) : limit_(limit) {}

  struct Part {
    std::string text;
    std::optional<FileRegion> file = {};  ///< behind the text
    bool ended = false;                   ///< nothing follows
    bool failed = false;  ///< the writer gave up: the client must not take it for whole
  };

  /// For the connection. `wake` is called from any thread when take() has something new; it must
  /// only post.
  void attach(std::function<void()> wake);
  Part take();
  /// What was taken has been sent.
  void taken();
  /// The client has left: nothing is taken any more. Idempotent.
  void leave();

 private:
  friend class BodyWriter;
  enum class State { Open, Ended, Failed };

  struct Piece {
    std::string text;
    std::optional<FileRegion> file;  ///< behind the text
  };

  std::mutex mutex_;
  const std::size_t limit_;
  std::deque<Piece> pieces_;
  std::size_t waiting_ = 0;  ///< what they count
  std::size_t sending_ = 0;  ///< what was taken and not yet sent
  State state_ = State::Open;
  bool left_ = false;
  std::function<void()> wake_;
  std::function<void()> drained_;
  std::stop_source closed_;
};

/// A Response's body.
struct StreamBody {
  std::shared_ptr<BodyStream> stream;
  /// How many bytes will be written, where that is known: the client is told. The writer keeps to
  /// it.
  std::optional<std::uint64_t> length = {};
};

/// The writer's end; any thread. Destroying it before end() cuts the answer off, so that the client
/// sees that it is not whole.
class BodyWriter {
 public:
  enum class Written {
    Taken,
    Full,    ///< taken, but more than `limit` bytes wait: write on after onDrained's call
    Closed,  ///< dropped: the client has left, the stream ended, or four times `limit` waited
  };

  /// `limit`: bytes that may wait for a slow reader.
  explicit BodyWriter(std::size_t limit = 256u << 10)
      : stream_(std::make_shared<BodyStream>(limit)) {}
  ~BodyWriter();
  BodyWriter(const BodyWriter&) = delete;
  BodyWriter& operator=(const BodyWriter&) = delete;

  StreamBody body() const { return {stream_, {}}; }
  Written write(std::string_view text);
  /// Part of a file, which is sent as it lies and takes no memory; it counts kFileCost bytes.
  Written write(FileRegion file);
  static constexpr std::size_t kFileCost = 128u << 10;

  /// No more comes. Idempotent.
  void end();
  /// Requested when the client has left or stalls for too long.
  std::stop_token closed() const { return stream_->closed_.get_token(); }
  /// Called each time everything that waited was sent; on the loop thread, must not block.
  void onDrained(std::function<void()> drained);

 private:
  Written add(std::size_t cost, const std::function<void(std::deque<BodyStream::Piece>&)>& put);
  void finish(BodyStream::State state);
  std::shared_ptr<BodyStream> stream_;
};

}  // namespace webpool::net
