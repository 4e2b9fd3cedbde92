#include "terminal_harness.h"

#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

namespace webpool::functional {

Terminal::Terminal(std::vector<std::string> command,
                   const std::map<std::string, std::string>& environment) {
  std::vector<char*> argv;
  for (auto& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = ::forkpty(&fd_, nullptr, nullptr, nullptr);
  if (pid_ < 0) throw std::runtime_error("no terminal");
  if (pid_ == 0) {
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
}

Terminal::~Terminal() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(fd_);
}

void Terminal::type(std::string_view keys) const {
  while (!keys.empty()) {
    const auto written = ::write(fd_, keys.data(), keys.size());
    if (written < 0 && errno != EINTR) throw std::runtime_error("the terminal takes no keys");
    if (written > 0) keys.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool Terminal::readSome() {
  char bytes[4096];
  const auto got = ::read(fd_, bytes, sizeof(bytes));
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;  // EIO: the program has ended
  seen_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

bool Terminal::waitFor(std::string_view text) {
  while (true) {
    if (const auto found = seen_.find(text, at_); found != std::string::npos) {
      at_ = found + text.size();
      return true;
    }
    if (!readSome()) return false;
  }
}

int Terminal::wait() {
  while (readSome()) {
  }
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace webpool::functional
