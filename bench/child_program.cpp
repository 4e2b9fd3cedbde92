#include "child_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

#include "failure.h"

namespace webpool::bench {
namespace {

std::array<int, 2> makePipe() {
  std::array<int, 2> ends{};
  require(::pipe2(ends.data(), O_CLOEXEC) == 0, "no pipe could be made");
  return ends;
}

}  // namespace

std::string ChildProgram::beside(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

ChildProgram::ChildProgram(std::vector<std::string> command)
    : name_(std::filesystem::path(command.front()).filename()) {
  std::vector<char*> pointers;
  for (auto& argument : command) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const auto input = makePipe();
  const auto output = makePipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  const int failed =
      ::posix_spawnp(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  in_.reset(::fdopen(input[1], "w"));
  out_.reset(::fdopen(output[0], "r"));
  if (failed != 0) pid_ = -1;
  require(failed == 0, name_ + " could not be started");
}

ChildProgram::~ChildProgram() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void ChildProgram::finish() {
  in_.reset();
  if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

void ChildProgram::say(const std::string& line) {
  std::fputs((line + "\n").c_str(), in_.get());
  std::fflush(in_.get());
}

std::string ChildProgram::hear() {
  std::array<char, 4096> line{};
  require(std::fgets(line.data(), static_cast<int>(line.size()), out_.get()) != nullptr,
          name_ + " has ended");
  std::string text(line.data());
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

void ChildProgram::hear(const std::string& wanted) {
  const auto said = hear();
  require(said == wanted, name_ + " says " + said);
}

}  // namespace webpool::bench
