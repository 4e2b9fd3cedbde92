#include "net/body_stream.h"

#include <utility>

namespace webpool::net {
namespace {

std::size_t costOf(const std::string& text, const std::optional<FileRegion>& file) {
  return text.size() + (file ? BodyWriter::kFileCost : 0);
}

}  // namespace

void BodyStream::attach(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

BodyStream::Part BodyStream::take() {
  const std::lock_guard lock(mutex_);
  Part part;
  sending_ = 0;
  if (!pieces_.empty()) {
    auto& piece = pieces_.front();
    sending_ = costOf(piece.text, piece.file);
    part.text = std::move(piece.text);
    part.file = std::move(piece.file);
    pieces_.pop_front();
    waiting_ -= sending_;
  }
  part.ended = state_ == State::Ended && pieces_.empty();
  part.failed = state_ == State::Failed;
  return part;
}

void BodyStream::taken() {
  std::function<void()> drained;
  {
    const std::lock_guard lock(mutex_);
    sending_ = 0;
    if (pieces_.empty()) drained = drained_;
  }
  if (drained) drained();
}

void BodyStream::leave() {
  std::function<void()> drained;
  {
    const std::lock_guard lock(mutex_);
    if (left_) return;
    wake_ = nullptr;
    left_ = true;
    pieces_.clear();
    waiting_ = 0;
    sending_ = 0;
    if (state_ == State::Ended) {
      // The writer is done; all that it may want to know is that nothing waits any more.
      drained = drained_;
      if (!drained) return;
    }
  }
  if (drained) return drained();
  closed_.request_stop();
}

BodyWriter::~BodyWriter() {
  finish(BodyStream::State::Failed);
}

BodyWriter::Written BodyWriter::write(std::string_view text) {
  return add(text.size(), [text](std::deque<BodyStream::Piece>& pieces) {
    if (pieces.empty() || pieces.back().file) pieces.emplace_back();
    pieces.back().text += text;
  });
}

BodyWriter::Written BodyWriter::write(FileRegion file) {
  const auto cost = file.length == 0 ? 0 : kFileCost;
  return add(cost, [&file](std::deque<BodyStream::Piece>& pieces) {
    if (file.length == 0) return;
    if (pieces.empty() || pieces.back().file) pieces.emplace_back();
    pieces.back().file = std::move(file);
  });
}

BodyWriter::Written BodyWriter::add(
    std::size_t cost, const std::function<void(std::deque<BodyStream::Piece>&)>& put) {
  auto& stream = *stream_;
  bool over = false;
  {
    const std::lock_guard lock(stream.mutex_);
    if (stream.left_ || stream.state_ != BodyStream::State::Open) return Written::Closed;
    const auto waiting = stream.waiting_ + stream.sending_ + cost;
    over = waiting > 4 * stream.limit_;
    if (over) {
      stream.state_ = BodyStream::State::Failed;
    } else {
      put(stream.pieces_);
      stream.waiting_ += cost;
    }
    if (stream.wake_) stream.wake_();
    if (!over) return waiting > stream.limit_ ? Written::Full : Written::Taken;
  }
  stream.closed_.request_stop();
  return Written::Closed;
}

void BodyWriter::end() {
  finish(BodyStream::State::Ended);
}

void BodyWriter::finish(BodyStream::State state) {
  const std::lock_guard lock(stream_->mutex_);
  if (stream_->state_ != BodyStream::State::Open) return;
  stream_->state_ = state;
  if (stream_->wake_) stream_->wake_();
}

void BodyWriter::onDrained(std::function<void()> drained) {
  const std::lock_guard lock(stream_->mutex_);
  stream_->drained_ = std::move(drained);
}

}  // namespace webpool::net
