// What a person says in a chat, line by line, and when they want an answer to end.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/file.h"
#include "cli/app.h"

namespace webpool::cli {

/// Reads standard input. In a terminal Ctrl-C ends the answer that is under way, and else the
/// program. One thread.
class ChatInput {
 public:
  explicit ChatInput(const Context& context);
  ~ChatInput();
  ChatInput(const ChatInput&) = delete;
  ChatInput& operator=(const ChatInput&) = delete;

  bool isTerminal() const { return terminal_; }

  /// The next line without its end; `prompt` is shown in a terminal. None at the end of the input
  /// and once the program is to end.
  std::optional<std::string> next(const std::string& prompt);

  /// An answer is under way until answered(): the token is stopped where it is to end.
  std::stop_token answering();
  void answered();

 private:
  bool interrupt();

  const Context& context_;
  bool terminal_;
  base::FileDescriptor wake_;
  bool ended_ = false;  ///< the input
  std::string buffer_;
  std::mutex mutex_;
  std::optional<std::stop_source> answer_;
  std::stop_callback<std::function<void()>> onStop_;
};

}  // namespace webpool::cli
