#include "browsers/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "browsers/process_table.h"

namespace webpool::browsers {
namespace {

constexpr int kChannel = 3;

enum class Step : int { Prepare, Folder, Execute };

struct ChildFailure {
  Step step;
  int errnoValue;
};

/// All that the child needs, made before the fork: after it only async-signal-safe calls are
/// allowed, because another thread may have held the heap's lock.
struct ChildView {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* folder;
  int nothing;
  int output;
  int channel;
  int failurePipe;
  int deathSignal;
  pid_t parent;
};

[[noreturn]] void failChild(const ChildView& view, Step step) {
  const ChildFailure failure{step, errno};
  [[maybe_unused]] const auto wrote = ::write(view.failurePipe, &failure, sizeof(failure));
  ::_exit(127);
}

[[noreturn]] void runChild(const ChildView& view) {
  if (::prctl(PR_SET_PDEATHSIG, view.deathSignal) != 0) failChild(view, Step::Prepare);
  if (::getppid() != view.parent) ::_exit(127);  // the parent ended before the line above
  ::setsid();

  struct sigaction byDefault{};
  byDefault.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &byDefault, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  const rlimit noCore{0, 0};
  ::setrlimit(RLIMIT_CORE, &noCore);
  if (::dup2(view.nothing, 0) < 0 || ::dup2(view.output, 1) < 0 || ::dup2(view.output, 2) < 0) {
    failChild(view, Step::Prepare);
  }
  if (view.channel >= 0 && ::dup2(view.channel, kChannel) < 0) failChild(view, Step::Prepare);
  // The failure pipe has to stay until exec; everything else goes with it.
  const unsigned firstToClose = view.channel >= 0 ? kChannel + 1 : kChannel;
  if (::syscall(SYS_close_range, firstToClose, ~0u, CLOSE_RANGE_CLOEXEC) != 0) {
    failChild(view, Step::Prepare);
  }
  if (::chdir(view.folder) != 0) failChild(view, Step::Folder);
  ::execve(view.program, view.arguments, view.environment);
  failChild(view, Step::Execute);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (auto& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

Error failure(const SpawnPlan& plan, Step step, int errnoValue) {
  const char* cause = std::strerror(errnoValue);
  if (step == Step::Folder) {
    return {ErrorCategory::Storage,
            fmt::format("can't start a browser in {}: {}", plan.folder.native(), cause),
            "check that folder's permissions"};
  }
  const auto* hint = step == Step::Execute ? "check that it is an executable file for this machine"
                                           : "check the system's limits (ulimit -a)";
  return {ErrorCategory::BrowserFailed,
          fmt::format("can't start {}: {}", plan.program.native(), cause), hint};
}

/// Blocks every signal while it lives, so that no handler of ours runs in the child.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Result<ChildProcess> spawnHere(const SpawnPlan& plan) {
  auto nothing = base::openFile("/dev/null", O_RDONLY);
  if (!nothing) return std::unexpected(nothing.error());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::unexpected(failure(plan, Step::Prepare, errno));
  const base::FileDescriptor readEnd(ends[0]);
  base::FileDescriptor writeEnd(ends[1]);
  // The child makes the channel its descriptor 3: nothing that it still needs may have that number.
  base::FileDescriptor channel;
  if (plan.channel >= 0) {
    writeEnd = base::FileDescriptor(::fcntl(writeEnd.get(), F_DUPFD_CLOEXEC, kChannel + 1));
    channel = base::FileDescriptor(::fcntl(plan.channel, F_DUPFD_CLOEXEC, kChannel + 1));
    if (!writeEnd.valid() || !channel.valid()) {
      return std::unexpected(failure(plan, Step::Prepare, errno));
    }
  }

  std::vector<std::string> arguments{plan.program.native()};
  arguments.insert(arguments.end(), plan.arguments.begin(), plan.arguments.end());
  auto environment = plan.environment;
  const auto argumentPointers = pointers(arguments);
  const auto environmentPointers = pointers(environment);
  const ChildView view{plan.program.c_str(),
                       argumentPointers.data(),
                       environmentPointers.data(),
                       plan.folder.c_str(),
                       nothing->get(),
                       plan.output,
                       channel.get(),
                       writeEnd.get(),
                       plan.deathSignal,
                       ::getpid()};
  pid_t pid = -1;
  int forkError = 0;
  {
    const SignalsBlocked blocked;
    pid = ::fork();
    forkError = errno;
    if (pid == 0) runChild(view);
  }
  if (pid < 0) return std::unexpected(failure(plan, Step::Prepare, forkError));

  writeEnd = base::FileDescriptor();
  base::FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int pidfdError = errno;
  ChildFailure childFailure{};
  ssize_t got = 0;
  do {
    got = ::read(readEnd.get(), &childFailure, sizeof(childFailure));
  } while (got < 0 && errno == EINTR);
  if (got == 0 && pidfd.valid()) {
    const auto entry = readProcess(pid);
    return ChildProcess(pid, std::move(pidfd), entry ? entry->startTime : 0);
  }
  ::kill(pid, SIGKILL);  // not reaped yet: the number is still this child's
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (got == 0) return std::unexpected(failure(plan, Step::Prepare, pidfdError));
  return std::unexpected(failure(plan, childFailure.step, childFailure.errnoValue));
}

}  // namespace webpool::browsers
