#include "browsers/launcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "browsers/process_table.h"
#include "browsers/program_output.h"
#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class LauncherTest : public testing::Test {
 protected:
  SpawnPlan shell(std::string command) {
    return {.program = "/bin/sh",
            .arguments = {"-c", std::move(command)},
            .environment = {"PATH=/usr/bin:/bin", "GREETING=hello"},
            .folder = folder_.path(),
            .output = log_.get()};
  }

  std::string output() const {
    std::string text(4096, '\0');
    text.resize(static_cast<std::size_t>(::pread(log_.get(), text.data(), text.size(), 0)));
    return text;
  }

  test::TempFolder folder_;
  base::FileDescriptor log_{::memfd_create("log", MFD_CLOEXEC)};
  Launcher launcher_;
};

TEST_F(LauncherTest, GivesFolderEnvironmentAndOutput) {
  auto child = launcher_.spawn(shell("echo $GREETING; pwd; echo bad >&2; env; exit 13"));
  ASSERT_TRUE(child) << child.error().describe();
  const auto status = child->waitFor(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->text(), "exited with code 13");
  EXPECT_THAT(output(), HasSubstr("hello\n" + folder_.path().native() + "\nbad\n"));
  EXPECT_THAT(output(), Not(HasSubstr("HOME=")));
  child->reap();
  EXPECT_FALSE(readProcess(child->pid()));
}

TEST_F(LauncherTest, LeadsItsOwnSession) {
  auto child = launcher_.spawn(shell("sleep 100"));
  ASSERT_TRUE(child);
  const auto entry = readProcess(child->pid());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->session, child->pid());
  EXPECT_EQ(entry->startTime, child->startTime());
  EXPECT_EQ(::getpgid(child->pid()), child->pid());
  EXPECT_FALSE(child->exitStatus());
  child->signal(SIGKILL);
  EXPECT_EQ(child->waitFor(10s)->text(), "was killed by signal 9 (Killed)");
  EXPECT_TRUE(readProcess(child->pid())->ended) << "not reaped before reap()";
  child->reap();
}

TEST_F(LauncherTest, InheritsNoDescriptorNorSignalSettings) {
  const int leaked = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(leaked, 0);
  const auto before = ::signal(SIGHUP, SIG_IGN);
  sigset_t blocked;
  sigset_t old;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &old);
  Launcher launcher;  // its thread inherits the mask
  auto child = launcher.spawn(shell("ls /proc/self/fd; grep -E '^Sig(Blk|Ign)' /proc/self/status"));
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  ::signal(SIGHUP, before);
  ::close(leaked);
  ASSERT_TRUE(child);
  ASSERT_TRUE(child->waitFor(10s));
  child->reap();
  // 3 is ls's own.
  EXPECT_THAT(output(), testing::StartsWith("0\n1\n2\n3\nSig"));
  EXPECT_THAT(output(), HasSubstr("SigBlk:\t0000000000000000"));
  // Signals 32 and 33 belong to the C library: nobody can set them back.
  const auto ignored = output().find("SigIgn:\t");
  ASSERT_NE(ignored, std::string::npos);
  EXPECT_EQ(std::stoull(output().substr(ignored + 8), nullptr, 16) & ~(3ull << 31), 0u);
}

TEST_F(LauncherTest, AProgramThatCannotBeExecuted) {
  auto plan = shell("");
  plan.program = folder_.path() / "fake_none";
  const auto missing = launcher_.spawn(plan);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().category, ErrorCategory::BrowserFailed);
  EXPECT_THAT(missing.error().message, HasSubstr("fake_none: No such file or directory"));

  test::writeText(plan.program, "text");
  std::filesystem::permissions(plan.program, std::filesystem::perms(0755));
  EXPECT_THAT(launcher_.spawn(plan).error().message, HasSubstr("Exec format error"));

  auto nowhere = shell("true");
  nowhere.folder = folder_.path() / "none";
  EXPECT_EQ(launcher_.spawn(nowhere).error().category, ErrorCategory::Storage);
}

TEST_F(LauncherTest, ChildrenSurviveTheThreadThatAskedForThem) {
  Result<ChildProcess> child = fail(ErrorCategory::Internal, "not started");
  std::thread([&] { child = launcher_.spawn(shell("sleep 100")); }).join();
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->waitFor(200ms)) << "the child died with the thread that asked for it";
  child->signal(SIGKILL);
  child->waitFor(10s);
  child->reap();
}

TEST_F(LauncherTest, ChildrenEndWithTheLauncher) {
  auto launcher = std::make_unique<Launcher>();
  auto child = launcher->spawn(shell("sleep 100"));
  ASSERT_TRUE(child);
  launcher.reset();
  const auto status = child->waitFor(10s);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->bySignal);
  child->reap();
}

TEST(ProgramOutput, EndsAProgramThatHangs) {
  const auto start = std::chrono::steady_clock::now();
  const auto output = programOutput("/bin/sh", {"-c", "sleep 100 & sleep 100"}, 100ms);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().category, ErrorCategory::Timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST(ProgramOutput, ReturnsWhatWasPrinted) {
  EXPECT_EQ(*programOutput("/bin/echo", {"a", "b"}, 10s), "a b\n");
}

}  // namespace
}  // namespace webpool::browsers
