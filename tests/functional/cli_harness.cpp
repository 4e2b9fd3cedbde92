#include "cli_harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace webpool::functional {
namespace {

std::string contentsOf(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  // Not by iterators, which throw: a process of /proc may end while it is read.
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

boost::json::object Finished::json() const {
  boost::system::error_code error;
  auto value = boost::json::parse(out, error);
  if (error || !value.is_object()) {
    ADD_FAILURE() << "stdout is no JSON object:\n" << out << "\nstderr:\n" << err;
    return {};
  }
  return value.as_object();
}

Running::Running(std::vector<std::string> command, std::map<std::string, std::string> environment,
                 std::string input) {
  int out[2];
  int err[2];
  int in[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 || pipe2(in, O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe");
  }
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (!environment.contains(text.substr(0, text.find('=')))) variables.push_back(text);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  auto argumentPointers = pointers(command);
  auto variablePointers = pointers(variables);
  const int failed = posix_spawn(&pid_, command[0].c_str(), &actions, nullptr,
                                 argumentPointers.data(), variablePointers.data());
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(err[1]);
  close(in[0]);
  out_ = out[0];
  err_ = err[0];
  if (failed != 0) throw std::runtime_error(command[0] + ": " + std::strerror(failed));
  // Test inputs are smaller than a pipe's buffer.
  if (!input.empty() && ::write(in[1], input.data(), input.size()) < 0) {
    throw std::runtime_error("write to stdin");
  }
  close(in[1]);
}

Running::~Running() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    wait();
  }
  if (out_ >= 0) close(out_);
  if (err_ >= 0) close(err_);
}

void Running::signal(int number) const {
  ::kill(pid_, number);
}

bool Running::readSome() {
  if (out_ < 0 && err_ < 0) return false;
  // poll() leaves out a negative descriptor: one that came to its end.
  pollfd fds[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  if (poll(fds, 2, -1) < 0) return errno == EINTR;
  const auto take = [](int& fd, short events, std::string& text) {
    if (events == 0) return;
    char buffer[1 << 16];
    const auto got = read(fd, buffer, sizeof(buffer));
    if (got > 0) {
      text.append(buffer, static_cast<std::size_t>(got));
    } else {
      close(fd);
      fd = -1;
    }
  };
  take(out_, fds[0].revents, finished_.out);
  take(err_, fds[1].revents, finished_.err);
  return out_ >= 0 || err_ >= 0;
}

bool Running::waitForOutput(std::string_view text) {
  const auto seen = [&] {
    return finished_.out.find(text) != std::string::npos ||
           finished_.err.find(text) != std::string::npos;
  };
  while (!seen()) {
    if (!readSome()) return seen();
  }
  return true;
}

bool Running::waitForLine(std::string_view text) {
  const auto within = [&](const std::string& output) {
    const auto at = output.find(text);
    return at != std::string::npos && output.find('\n', at) != std::string::npos;
  };
  const auto seen = [&] { return within(finished_.out) || within(finished_.err); };
  while (!seen()) {
    if (!readSome()) return seen();
  }
  return true;
}

Finished Running::wait() {
  while (readSome()) {
  }
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  finished_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished_;
}

std::filesystem::path sharedData() {
  return std::filesystem::path(WEBPOOL_BINARY_DIR) / "test-store";
}

void ensureModel(const std::string& name, const std::string& dtype) {
  Running command({WEBPOOL_CLI, "models", "add", name, "--dtype", dtype},
                  {{"WEBPOOL_DATA_DIR", sharedData()}}, "");
  const auto result = command.wait();
  ASSERT_EQ(result.code, 0) << result.out << result.err;
}

void ensureMiniLmInFp16(std::filesystem::path& folder) {
  folder = sharedData() / "minilm-precisions";
  const auto source = std::filesystem::path(WEBPOOL_SOURCE_DIR);
  Running command({source / "build/tools/python/bin/python", source / "tools/precisions.py",
                   "--webpool", WEBPOOL_CLI, "--out", folder, "--dtypes", "fp16"},
                  {{"WEBPOOL_DATA_DIR", sharedData()}}, "");
  const auto result = command.wait();
  ASSERT_EQ(result.code, 0) << result.out << result.err;
}

void ensureRandomModels(std::filesystem::path& folder) {
  folder = sharedData() / "random-models";
  const auto source = std::filesystem::path(WEBPOOL_SOURCE_DIR);
  Running command({source / "build/tools/python/bin/python", source / "tools/random-models.py",
                   "--webpool", WEBPOOL_CLI, "--out", folder},
                  {{"WEBPOOL_DATA_DIR", sharedData()}}, "");
  const auto result = command.wait();
  ASSERT_EQ(result.code, 0) << result.out << result.err;
}

CliTest::CliTest() {
  char pattern[] = "/tmp/webpool-functional-XXXXXX";
  folder_ = mkdtemp(pattern);
  environment_ = {{"WEBPOOL_DATA_DIR", sharedData()},
                  {"WEBPOOL_CACHE_DIR", folder_ / "cache"},
                  {"HOME", folder_ / "home"}};
  // Tests go side by side: no pool of one leaves its cores to those of another.
  ::setenv("WEBPOOL_RUNTIME_DIR", (folder_ / "running").c_str(), 1);
}

CliTest::~CliTest() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Finished CliTest::run(std::vector<std::string> arguments, std::string input) {
  return start(std::move(arguments), std::move(input))->wait();
}

std::unique_ptr<Running> CliTest::start(std::vector<std::string> arguments, std::string input) {
  arguments.insert(arguments.begin(), WEBPOOL_CLI);
  return std::make_unique<Running>(std::move(arguments), environment_, std::move(input));
}

std::vector<std::string> CliTest::leftProcesses() const {
  const auto needle = (folder_ / "cache").native();
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().native();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    // Chromium's processes overwrite their environment, but all keep the working folder.
    const auto command = contentsOf(entry.path() / "cmdline");
    std::error_code gone;
    const auto folder = std::filesystem::read_symlink(entry.path() / "cwd", gone).native();
    if (command.find(needle) == std::string::npos && !folder.starts_with(needle)) continue;
    // A zombie has ended; its parent (init) will collect it.
    if (contentsOf(entry.path() / "stat").find(") Z ") != std::string::npos) continue;
    found.push_back(name + " " + command.substr(0, command.find('\0')));
  }
  return found;
}

std::vector<std::string> CliTest::leftFolders() const {
  std::vector<std::string> found;
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_ / "cache" / "ephemeral", none)) {
    found.push_back(entry.path().native());
  }
  return found;
}

void CliTest::expectNothingLeft() const {
  EXPECT_EQ(leftProcesses(), std::vector<std::string>{});
  EXPECT_EQ(leftFolders(), std::vector<std::string>{});
}

std::filesystem::path CliTest::write(const std::string& name, std::string_view contents) const {
  const auto path = folder_ / name;
  std::ofstream(path, std::ios::binary) << contents;
  return path;
}

}  // namespace webpool::functional
