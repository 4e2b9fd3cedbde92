#include "net/body_stream.h"

#include <utility>

namespace webpool::net {

void BodyStream::attach(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

BodyStream::Part BodyStream::take() {
  const std::lock_guard lock(mutex_);
  sending_ = text_.size();
  return {std::exchange(text_, {}), state_ == State::Ended, state_ == State::Failed};
}

void BodyStream::taken() {
  std::function<void()> drained;
  {
    const std::lock_guard lock(mutex_);
    sending_ = 0;
    if (text_.empty()) drained = drained_;
  }
  if (drained) drained();
}

void BodyStream::leave() {
  {
    const std::lock_guard lock(mutex_);
    wake_ = nullptr;
    left_ = true;
    text_.clear();
    if (state_ == State::Ended) return;
  }
  closed_.request_stop();
}

BodyWriter::~BodyWriter() {
  finish(BodyStream::State::Failed);
}

BodyWriter::Written BodyWriter::write(std::string_view text) {
  auto& stream = *stream_;
  bool over = false;
  {
    const std::lock_guard lock(stream.mutex_);
    if (stream.left_ || stream.state_ != BodyStream::State::Open) return Written::Closed;
    const auto waiting = stream.text_.size() + stream.sending_;
    over = waiting + text.size() > 4 * stream.limit_;
    if (over) {
      stream.state_ = BodyStream::State::Failed;
    } else {
      stream.text_ += text;
    }
    if (stream.wake_) stream.wake_();
    if (!over) return waiting + text.size() > stream.limit_ ? Written::Full : Written::Taken;
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
