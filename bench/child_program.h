// A program that lies beside this one and is spoken to in lines, through its input and output.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace webpool::bench {

class ChildProgram {
 public:
  /// `name`: of the file beside this program.
  ChildProgram(const std::string& name, std::vector<std::string> arguments);

  /// Ends it (SIGKILL).
  ~ChildProgram();
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  pid_t pid() const { return pid_; }
  void say(const std::string& line);
  /// The next line, without its end. BenchFailure when it has ended.
  std::string hear();
  /// BenchFailure when it says anything else.
  void hear(const std::string& wanted);

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
