#include "playwright.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "failure.h"

namespace webpool::bench {
namespace {

std::array<int, 2> makePipe() {
  std::array<int, 2> ends{};
  require(::pipe2(ends.data(), O_CLOEXEC) == 0, "no pipe could be made");
  return ends;
}

}  // namespace

Playwright::Playwright(const std::filesystem::path& script, const std::filesystem::path& browser) {
  const auto input = makePipe();
  const auto output = makePipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  std::array<std::string, 3> arguments{"node", script.string(), browser.string()};
  std::array<char*, 4> pointers{arguments[0].data(), arguments[1].data(), arguments[2].data(),
                                nullptr};
  const int failed =
      ::posix_spawnp(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  in_.reset(::fdopen(input[1], "w"));
  out_.reset(::fdopen(output[0], "r"));
  if (failed != 0) pid_ = -1;
  require(failed == 0, "node could not be started");
  require(readLine() == "ready", "Playwright did not start; scripts/setup bench installs it");
}

Playwright::~Playwright() {
  in_.reset();  // It ends at the end of its input.
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

double Playwright::roundTrips(unsigned count, unsigned inFlight, Form form) {
  const auto command =
      fmt::format("{} {} {}\n", count, inFlight, form == Form::Text ? "text" : "bytes");
  std::fputs(command.c_str(), in_.get());
  std::fflush(in_.get());
  const auto answer = readLine();
  const double milliseconds = std::strtod(answer.c_str(), nullptr);
  require(milliseconds > 0, "Playwright answers: " + answer);
  return milliseconds;
}

std::string Playwright::readLine() {
  std::array<char, 4096> line{};
  if (std::fgets(line.data(), static_cast<int>(line.size()), out_.get()) == nullptr) return {};
  std::string text(line.data());
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace webpool::bench
