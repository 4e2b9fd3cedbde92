#include "store/process.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>

namespace webpool::store {
namespace {

ProcessSpec shell(std::string script) {
  return {{"/bin/sh", "-c", std::move(script)}, "/", std::chrono::seconds(20), {}, {}};
}

TEST(Process, OutputErrorsAndCodeComeBack) {
  const auto result = runProcess(shell("pwd; echo wrong >&2; exit 3"));
  ASSERT_TRUE(result) << result.error().describe();
  EXPECT_EQ(result->exitCode, 3);
  EXPECT_EQ(result->output, "/\n");
  EXPECT_EQ(result->errors, "wrong\n");
}

TEST(Process, ArgumentsAreNoShellText) {
  const auto result =
      runProcess({{"echo", "$HOME; `id` 'x'"}, "/", std::chrono::seconds(9), {}, {}});
  EXPECT_EQ(result->output, "$HOME; `id` 'x'\n");
}

TEST(Process, MuchOutputKeepsTheEnd) {
  const auto result =
      runProcess(shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"));
  ASSERT_TRUE(result);
  EXPECT_LT(result->output.size(), 64u << 10);
  EXPECT_TRUE(result->output.ends_with("line 19999\n"));
}

TEST(Process, MissingProgramIsNotFound) {
  const auto result = runProcess({{"no-such-program-here"}, "/", std::chrono::seconds(1), {}, {}});
  EXPECT_EQ(result.error().category, ErrorCategory::NotFound);
}

TEST(Process, ASignalShowsInTheCode) {
  EXPECT_EQ(runProcess(shell("kill -9 $$"))->exitCode, 128 + SIGKILL);
}

TEST(Process, TimeoutEndsItAndItsChildren) {
  const auto pidFile =
      std::filesystem::temp_directory_path() / fmt::format("webpool-process-test-{}", ::getpid());
  auto spec = shell("sleep 600 & echo $! > \"$0\"; sleep 600");
  spec.argv.push_back(pidFile.native());
  spec.timeout = std::chrono::milliseconds(500);
  const auto began = std::chrono::steady_clock::now();
  const auto result = runProcess(spec);
  EXPECT_EQ(result.error().category, ErrorCategory::Timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  pid_t pid = 0;
  std::ifstream(pidFile) >> pid;
  std::filesystem::remove(pidFile);
  ASSERT_GT(pid, 0);
  for (int i = 0; i < 100 && ::kill(pid, 0) == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(Process, StopRequestEndsIt) {
  std::stop_source stop;
  auto spec = shell("sleep 600");
  spec.stop = stop.get_token();
  spec.tick = [&] { stop.request_stop(); };
  EXPECT_EQ(runProcess(spec).error().category, ErrorCategory::Cancelled);
}

}  // namespace
}  // namespace webpool::store
