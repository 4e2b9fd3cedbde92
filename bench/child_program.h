// A program that is spoken to in lines, through its input and output.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace webpool::bench {

class ChildProgram {
 public:
  /// `command`: a path, or a name to be looked for in PATH, and its arguments.
  explicit ChildProgram(std::vector<std::string> command);
  /// Of the file of that name beside this program.
  static std::string beside(const std::string& name);

  /// Ends it (SIGKILL), unless finish() did.
  ~ChildProgram();
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  pid_t pid() const { return pid_; }
  void say(const std::string& line);
  /// The next line, without its end. BenchFailure when it has ended.
  std::string hear();
  /// BenchFailure when it says anything else.
  void hear(const std::string& wanted);
  /// Its input ends, which tells it to end; waits for that.
  void finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  std::string name_;
  pid_t pid_ = -1;
  File in_;   ///< to it
  File out_;  ///< from it
};

}  // namespace webpool::bench
