#include "browsers/process_table.h"

#include <gmock/gmock.h>
#include <unistd.h>

namespace webpool::browsers {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kStart = 1000;

ProcessEntry entry(pid_t pid, pid_t parent, pid_t session, std::uint64_t start = kStart) {
  ProcessEntry result;
  result.pid = pid;
  result.parent = parent;
  result.session = session;
  result.startTime = start;
  return result;
}

std::vector<pid_t> select(const BrowserIdentity& identity, const std::vector<ProcessEntry>& table) {
  std::vector<pid_t> pids;
  for (const auto& found : processesOf(identity, table)) pids.push_back(found.pid);
  return pids;
}

const BrowserIdentity kIdentity{.marker = "abc",
                                .profileArgument = "--user-data-dir=/c/slots/0/chromium-0/profile",
                                .pid = 50,
                                .startTime = kStart};

TEST(ProcessesOf, AMarkedProcessInAnotherSession) {
  auto marked = entry(60, 1, 60);
  marked.environment = std::string("A=1\0WEBPOOL_BROWSER=abc\0B=2", 27);
  EXPECT_THAT(select(kIdentity, {entry(10, 1, 10), marked}), ElementsAre(60));
}

TEST(ProcessesOf, NotAnotherMarkerThatContainsOurs) {
  auto longer = entry(60, 1, 60);
  longer.environment = "WEBPOOL_BROWSER=abcd";
  auto inside = entry(61, 1, 61);
  inside.environment = "X=WEBPOOL_BROWSER=abc";
  EXPECT_THAT(select(kIdentity, {longer, inside}), IsEmpty());
}

TEST(ProcessesOf, TheWholeSessionWhenOneMemberHasTheProfile) {
  auto titled = entry(51, 50, 50, kStart + 5);
  titled.commandLine = "chromium --type=zygote --user-data-dir=/c/slots/0/chromium-0/profile --x";
  EXPECT_THAT(select(kIdentity,
                     {entry(50, 1, 50), titled, entry(52, 51, 50, kStart + 9), entry(70, 1, 70)}),
              ElementsAre(50, 51, 52));
}

TEST(ProcessesOf, NothingOfAForeignSessionWithTheSameNumber) {
  auto leader = entry(50, 1, 50, kStart + 900);
  leader.commandLine = "vim";
  EXPECT_THAT(select(kIdentity, {leader, entry(51, 50, 50, kStart + 901)}), IsEmpty());
}

TEST(ProcessesOf, NotAPidThatIsReusedEvenWithALookalikeArgument) {
  auto reused = entry(50, 1, 50, kStart + 900);
  reused.commandLine = "chromium --user-data-dir=/c/slots/0/chromium-0/profile";
  EXPECT_THAT(select(kIdentity, {reused}), IsEmpty());
}

TEST(ProcessesOf, NotSomeoneWhoOnlyMentionsTheProfile) {
  auto editor = entry(80, 1, 80);
  editor.commandLine = "less /c/slots/0/chromium-0/profile";
  auto grep = entry(81, 1, 81);
  grep.commandLine = std::string("grep\0--user-data-dir=/c/slots/0/chromium-0/profile", 50);
  auto other = entry(82, 1, 50);
  other.commandLine = "chromium --user-data-dir=/c/slots/0/chromium-0/profile2";
  EXPECT_THAT(select(kIdentity, {editor, grep, other}), IsEmpty());
}

TEST(ProcessesOf, TheSessionOfAHeldPidNeedsNoOtherSign) {
  auto identity = kIdentity;
  identity.pidIsHeld = true;
  EXPECT_THAT(select(identity, {entry(51, 1, 50), entry(52, 1, 52)}), ElementsAre(51));
}

TEST(ProcessesOf, ACrashHandlerThatIsJustBeingForkedFromABrowserThatWeHold) {
  auto held = kIdentity;
  held.pidIsHeld = true;
  auto forked = entry(60, 1, 60, kStart + 3);
  forked.commandLine = "chromium --user-data-dir=/c/slots/0/chromium-0/profile --headless";
  auto before = forked;
  before.pid = 40;
  before.startTime = kStart - 1;
  EXPECT_THAT(select(held, {before, forked}), ElementsAre(60));
  EXPECT_THAT(select(kIdentity, {before, forked}), IsEmpty());
}

TEST(ProcessesOf, DescendantsThatLeftTheSession) {
  auto marked = entry(60, 1, 60);
  marked.environment = "WEBPOOL_BROWSER=abc";
  EXPECT_THAT(select(kIdentity, {entry(62, 61, 62), entry(61, 60, 61), marked}),
              ElementsAre(62, 61, 60));
}

TEST(ProcessTable, HasThisProcess) {
  const auto self = readProcess(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_EQ(self->session, ::getsid(0));
  EXPECT_GT(self->startTime, 0u);
  EXPECT_FALSE(self->ended);
  EXPECT_FALSE(readProcess(-1));
  const auto table = readProcessTable();
  EXPECT_THAT(table, testing::Contains(testing::Field(&ProcessEntry::pid, ::getpid())));
}

}  // namespace
}  // namespace webpool::browsers
