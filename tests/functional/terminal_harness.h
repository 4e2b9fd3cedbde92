// A program in a terminal: what a person types reaches it as from a keyboard, Ctrl-C included.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace webpool::functional {

/// Destroying it kills the program.
class Terminal {
 public:
  Terminal(std::vector<std::string> command, const std::map<std::string, std::string>& environment);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(std::string_view keys) const;
  /// Waits until the text is shown after what was waited for before; false when the program ended
  /// without it.
  bool waitFor(std::string_view text);
  const std::string& seen() const { return seen_; }
  /// Its exit code, or 128 + signal.
  int wait();

 private:
  bool readSome();

  pid_t pid_ = -1;
  int fd_ = -1;
  std::size_t at_ = 0;
  std::string seen_;
};

}  // namespace webpool::functional
