#include "cli/chat_input.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "cli/signals.h"

namespace webpool::cli {

ChatInput::ChatInput(const Context& context)
    : context_(context),
      terminal_(::isatty(STDIN_FILENO) != 0),
      wake_(::eventfd(0, EFD_CLOEXEC)),
      onStop_(context.stop, [this] {
        const std::uint64_t one = 1;
        std::ignore = ::write(wake_.get(), &one, sizeof(one));
        const std::lock_guard lock(mutex_);
        if (answer_) answer_->request_stop();
      }) {
  if (terminal_ && context_.signals != nullptr) {
    context_.signals->takeInterrupts([this] { return interrupt(); });
  }
}

ChatInput::~ChatInput() {
  if (context_.signals != nullptr) context_.signals->takeInterrupts(nullptr);
}

/// True: it was for the answer.
bool ChatInput::interrupt() {
  const std::lock_guard lock(mutex_);
  return answer_ && answer_->request_stop();
}

std::stop_token ChatInput::answering() {
  const std::lock_guard lock(mutex_);
  answer_.emplace();
  if (context_.stop.stop_requested()) answer_->request_stop();
  return answer_->get_token();
}

void ChatInput::answered() {
  const std::lock_guard lock(mutex_);
  answer_.reset();
}

std::optional<std::string> ChatInput::next(const std::string& prompt) {
  if (terminal_ && !prompt.empty()) {
    std::fputs(prompt.c_str(), stdout);
    std::fflush(stdout);
  }
  while (!context_.stop.stop_requested()) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    if (ended_) {
      if (buffer_.empty()) return std::nullopt;
      return std::exchange(buffer_, {});
    }
    pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return std::nullopt;
    if (fds[1].revents != 0) return std::nullopt;
    if (fds[0].revents == 0) continue;
    char bytes[4096];
    const auto got = ::read(STDIN_FILENO, bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      ended_ = true;
    } else {
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
  }
  return std::nullopt;
}

}  // namespace webpool::cli
