#include "store/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "base/file.h"

namespace webpool::store {
namespace {

constexpr std::size_t kKeptOutput = 16u << 10;
constexpr int kPollMs = 100;
constexpr int kPollsPerTick = 5;
constexpr std::chrono::seconds kGrace{2};

std::optional<std::string> findProgram(const std::string& name) {
  if (name.contains('/')) return name;
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/bin:/bin";
  while (true) {
    const auto folder = rest.substr(0, rest.find(':'));
    const auto candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    if (folder.size() == rest.size()) return std::nullopt;
    rest.remove_prefix(folder.size() + 1);
  }
}

struct Pipe {
  base::FileDescriptor read;
  base::FileDescriptor write;
};

Result<Pipe> makePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return std::unexpected(base::fileError("can't make", "a pipe", errno));
  }
  Pipe pipe{base::FileDescriptor(ends[0]), base::FileDescriptor(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

/// Between fork and exec: only calls that are safe there. All memory was made before the fork.
[[noreturn]] void becomeProgram(const char* program, char* const* argv, char* const* environment,
                                const char* folder, int nullFile, int output, int errors,
                                int failure, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXFSZ}) {
    ::signal(number, SIG_DFL);
  }
  const bool ready = ::getppid() == parent && ::chdir(folder) == 0 && ::dup2(nullFile, 0) == 0 &&
                     ::dup2(output, 1) == 1 && ::dup2(errors, 2) == 2;
  if (ready) ::execve(program, argv, environment);
  const int cause = errno;
  (void)!::write(failure, &cause, sizeof(cause));
  ::_exit(127);
}

/// A started program; ended and reaped when destroyed.
class Child {
 public:
  Child(pid_t pid, base::FileDescriptor output, base::FileDescriptor errors)
      : pid_(pid), output_(std::move(output)), errors_(std::move(errors)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  /// Reads what there is, waiting up to kPollMs for it.
  void read(ProcessResult& result) {
    pollfd files[] = {{output_.get(), POLLIN, 0}, {errors_.get(), POLLIN, 0}};
    if (output_.valid() || errors_.valid()) {
      ::poll(files, 2, kPollMs);
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs / 4));
    }
    drain(output_, result.output);
    drain(errors_, result.errors);
  }

  /// The exit code, once it has ended. Ends what is left of its group.
  std::optional<int> exitCode() {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0) {
      return std::nullopt;
    }
    ::kill(-pid_, SIGKILL);  // before the pid is given back
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  static void drain(base::FileDescriptor& file, std::string& text) {
    char buffer[4096];
    while (file.valid()) {
      const auto got = ::read(file.get(), buffer, sizeof(buffer));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        file = base::FileDescriptor();
        return;
      }
      text.append(buffer, static_cast<std::size_t>(got));
      if (text.size() > 2 * kKeptOutput) text.erase(0, text.size() - kKeptOutput);
    }
  }

  void end() {
    if (pid_ < 0) return;
    ::kill(-pid_, SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + kGrace;
    while (std::chrono::steady_clock::now() < deadline) {
      if (exitCode()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid_;
  base::FileDescriptor output_;
  base::FileDescriptor errors_;
};

Result<std::unique_ptr<Child>> start(const ProcessSpec& spec, const std::string& program) {
  auto output = makePipe();
  auto errors = makePipe();
  auto failure = makePipe();
  auto nothing = base::openFile("/dev/null", O_RDONLY);
  for (const auto* made : {&output, &errors, &failure}) {
    if (!*made) return std::unexpected(made->error());
  }
  if (!nothing) return std::unexpected(nothing.error());
  std::vector<char*> argv;
  for (const auto& argument : spec.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // Of a name that stands twice the first counts.
  std::vector<char*> environment;
  for (const auto& entry : spec.environment)
    environment.push_back(const_cast<char*>(entry.c_str()));
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  environment.push_back(nullptr);
  const auto folder = spec.folder.empty() ? std::string(".") : spec.folder.native();
  const auto parent = ::getpid();
  const auto pid = ::fork();
  if (pid < 0) return std::unexpected(base::fileError("can't start", program, errno));
  if (pid == 0) {
    becomeProgram(program.c_str(), argv.data(), environment.data(), folder.c_str(), nothing->get(),
                  output->write.get(), errors->write.get(), failure->write.get(), parent);
  }
  ::setpgid(pid, pid);  // in both, so that the group is there whoever runs first
  auto child = std::make_unique<Child>(pid, std::move(output->read), std::move(errors->read));
  failure->write = base::FileDescriptor();
  ::fcntl(failure->read.get(), F_SETFL, 0);
  int cause = 0;
  if (::read(failure->read.get(), &cause, sizeof(cause)) == sizeof(cause)) {
    return std::unexpected(base::fileError("can't start", program, cause));
  }
  return child;
}

}  // namespace

Result<ProcessResult> runProcess(const ProcessSpec& spec) {
  const auto& name = spec.argv.front();
  const auto program = findProgram(name);
  if (!program) {
    return fail(ErrorCategory::NotFound, fmt::format("the program {} is not on the PATH", name));
  }
  auto child = start(spec, *program);
  if (!child) return std::unexpected(child.error());
  const auto deadline = std::chrono::steady_clock::now() + spec.timeout;
  ProcessResult result;
  for (int polls = 0;; ++polls) {
    if (spec.tick && polls % kPollsPerTick == 0) spec.tick();
    (*child)->read(result);
    if (const auto code = (*child)->exitCode()) {
      result.exitCode = *code;
      (*child)->read(result);
      return result;
    }
    if (spec.stop.stop_requested()) {
      return fail(ErrorCategory::Cancelled, fmt::format("cancelled while {} was running", name));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(
          ErrorCategory::Timeout,
          fmt::format("{} did not end within {} s", name,
                      std::chrono::duration_cast<std::chrono::seconds>(spec.timeout).count()),
          "check the network, then try again");
    }
  }
}

}  // namespace webpool::store
