#include "browsers/browser_process.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "browsers/browser.h"
#include "browsers/profile_store.h"
#include "browsers/test_support.h"

namespace webpool::browsers {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Process : public testing::Test {
 protected:
  static Browser installed() {
    auto browser = BrowserFinder(Environment::ofThisProcess()).find("chromium");
    EXPECT_TRUE(browser) << browser.error().describe();
    return browser ? *browser : Browser{};
  }

  Browser fake(std::string_view body) const {
    const auto path = folder_.path() / "fake_browser";
    test::writeScript(path, body);
    return {"chromium", "chromium", path, "1"};
  }

  LaunchOptions options(Browser browser, Slot& slot, std::string url) {
    auto slotFolder = slot.browserFolder("chromium", 0);
    EXPECT_TRUE(slotFolder);
    LaunchOptions result;
    result.environment = Environment::ofThisProcess();
    result.machine = inspectMachine(result.environment, browser.path);
    result.browser = std::move(browser);
    result.folder = *slotFolder;
    result.url = std::move(url);
    return result;
  }

  ProfileStore store() const { return {cache_, base::systemRandom()}; }

  test::TempFolder folder_;
  // Longer than a socket's path may be: Chromium makes a socket in its temporary folder.
  fs::path cache_ = folder_.path() / std::string(120, 'c');
  Launcher launcher_;
  base::RandomSource random_ = base::systemRandom();
};

/// The addresses that Chromium's network log says it connected to, "127.0.0.1:80" each.
std::vector<std::string> connectedTo(const fs::path& networkLog) {
  constexpr std::string_view kKey = "\"address_list\":[\"";
  const auto text = base::readFile(networkLog);
  EXPECT_TRUE(text);
  std::vector<std::string> addresses;
  for (auto at = text->find(kKey); at != std::string::npos; at = text->find(kKey, at + 1)) {
    const auto start = at + kKey.size();
    addresses.push_back(text->substr(start, text->find('"', start) - start));
  }
  return addresses;
}

TEST_F(Process, ChromiumShowsThePageAndLeavesNothing) {
  test::PageServer server;
  auto slot = store().acquire({.ephemeral = true});
  ASSERT_TRUE(slot);
  auto launch = options(installed(), *slot, server.url("/?token=x"));
  const auto networkLog = folder_.path() / "net.json";
  launch.extraFlags = {"--log-net-log=" + networkLog.native()};
  auto browser = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(browser) << browser.error().describe();
  ASSERT_TRUE(server.waitForRequest("/?token=x", 60s)) << browser->failure().describe();
  ASSERT_TRUE(server.waitForRequest("/ran", 60s)) << "the page's script did not run";
  EXPECT_FALSE(browser->exitStatus());

  const auto processes = test::recorded(launch.folder);
  EXPECT_GE(processes.size(), 4u) << "main, zygote, GPU, network, page";
  EXPECT_THAT(test::strayFiles(processes, folder_.path()), IsEmpty());
  EXPECT_FALSE(fs::is_empty(launch.folder.temporary())) << "its socket lies elsewhere";
  const auto pidfds = test::openAll(processes);

  ASSERT_TRUE(browser->stop());
  EXPECT_TRUE(waitForAll(pidfds, 0ms));
  EXPECT_THAT(connectedTo(networkLog), AllOf(Not(IsEmpty()), Each(StartsWith("127.0.0.1:"))));
  EXPECT_FALSE(readProcess(browser->pid()));
  EXPECT_TRUE(fs::is_empty(launch.folder.temporary()));
  EXPECT_FALSE(fs::exists(launch.folder.record()));
  ASSERT_TRUE(browser->stop()) << "a second stop does nothing";

  const auto folder = slot->folder();
  {
    const auto released = std::move(*slot);
  }
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(Process, AKilledChromiumIsNoticedAndItsProfileStartsAgain) {
  test::PageServer server;
  auto slot = store().acquire();
  ASSERT_TRUE(slot);
  auto launch = options(installed(), *slot, server.url("/first"));
  auto browser = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(browser);
  ASSERT_TRUE(server.waitForRequest("/first", 60s)) << browser->failure().describe();
  const auto pidfds = test::openAll(test::recorded(launch.folder));

  ::kill(browser->pid(), SIGKILL);
  std::vector<base::FileDescriptor> main;
  main.emplace_back(::dup(browser->pidfd()));
  ASSERT_TRUE(waitForAll(main, 5s)) << "the pidfd told nothing";
  const auto status = browser->exitStatus();
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->bySignal);
  EXPECT_EQ(status->code, SIGKILL);
  EXPECT_THAT(browser->failure().message, HasSubstr("killed by signal 9"));
  ASSERT_TRUE(browser->stop());
  EXPECT_TRUE(waitForAll(pidfds, 0ms)) << "a process of the killed browser is left";

  // The profile still says that the killed process has it, and the crash bubble must not come.
  launch.url = server.url("/second");
  auto again = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(again);
  EXPECT_TRUE(server.waitForRequest("/second", 60s)) << again->failure().describe();
}

TEST_F(Process, ChromiumEndsWithAWebpoolThatIsKilled) {
  test::PageServer server;
  test::Helper webpool(WEBPOOL_CRASH_HELPER,
                       {cache_, "ephemeral", "chromium", installed().path, server.url()});
  const BrowserFolder folder{webpool.readLine()};
  ASSERT_TRUE(fs::exists(folder.record())) << folder.root;
  ASSERT_TRUE(server.waitForRequest("/", 60s));
  const auto pidfds = test::openAll(test::recorded(folder));
  EXPECT_GE(pidfds.size(), 4u);

  EXPECT_EQ(store().sweep().foldersRemoved, 0u) << "swept what a living webpool holds";
  webpool.process().signal(SIGKILL);
  EXPECT_TRUE(waitForAll(pidfds, 10s)) << "a process outlived its webpool";
  const auto report = store().sweep();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.foldersRemoved, 1u);
  EXPECT_FALSE(fs::exists(cache_ / "ephemeral"));
}

// A main process that dies with its webpool, and two children that don't.
constexpr std::string_view kLeavesOrphans = R"(
sleep 1000 &
setsid sleep 1000 &
echo started > started
wait)";

TEST_F(Process, WhatOutlivesAKilledWebpoolIsSweptAndNothingElse) {
  test::Helper bystander("/bin/sleep", {"1000"}, {"WEBPOOL_BROWSER=another"});
  test::Helper webpool(WEBPOOL_CRASH_HELPER, {cache_, "ephemeral", "chromium",
                                              fake(kLeavesOrphans).path, "http://127.0.0.1:9/"});
  const BrowserFolder folder{webpool.readLine()};
  while (test::recorded(folder).size() < 3 && !webpool.process().exitStatus()) ::usleep(1000);
  auto processes = test::recorded(folder);
  ASSERT_EQ(processes.size(), 3u);
  const auto main = readRecord(folder)->pid;
  webpool.process().signal(SIGKILL);
  std::erase_if(processes, [&](const auto& entry) { return entry.pid == main; });
  const auto orphans = test::openAll(processes);
  webpool.process().waitFor(5s);
  EXPECT_FALSE(waitForAll(orphans, 50ms)) << "the test needs survivors";

  // Two that start at the same time share the work.
  SweepReport reports[2];
  std::thread second([&] { reports[1] = store().sweep(); });
  reports[0] = store().sweep();
  second.join();
  EXPECT_TRUE(waitForAll(orphans, 0ms));
  EXPECT_EQ(reports[0].foldersRemoved + reports[1].foldersRemoved, 1u);
  EXPECT_THAT(reports[0].problems, IsEmpty());
  EXPECT_THAT(reports[1].problems, IsEmpty());
  EXPECT_FALSE(fs::exists(folder.root));
  EXPECT_FALSE(bystander.process().exitStatus());
}

TEST_F(Process, AStubbornBrowserIsKilledWithAllThatItStarted) {
  auto slot = store().acquire();
  ASSERT_TRUE(slot);
  const auto launch =
      options(fake("trap '' TERM\nsleep 1000 &\nsetsid sleep 1000 &\necho up > up\nwait\nwait"),
              *slot, "http://127.0.0.1:9/");
  auto browser = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(browser);
  while (test::recorded(launch.folder).size() < 3 && !browser->exitStatus()) ::usleep(1000);
  const auto pidfds = test::openAll(test::recorded(launch.folder));
  ASSERT_EQ(pidfds.size(), 3u);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(browser->stop(200ms));
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, 200ms);
  EXPECT_LT(took, 5s);
  EXPECT_TRUE(waitForAll(pidfds, 0ms));
}

TEST_F(Process, ItsEndIsTheDestructorsToo) {
  auto slot = store().acquire();
  const auto launch = options(fake("sleep 1000 & wait"), *slot, "http://127.0.0.1:9/");
  pid_t pid = 0;
  {
    auto browser = BrowserProcess::launch(launcher_, random_, launch);
    ASSERT_TRUE(browser);
    auto moved = std::move(*browser);
    pid = moved.pid();
    EXPECT_TRUE(readProcess(pid));
  }
  EXPECT_FALSE(readProcess(pid));
  EXPECT_FALSE(fs::exists(launch.folder.record()));
}

TEST_F(Process, ABrowserThatEndsTellsWhy) {
  auto slot = store().acquire();
  const auto launch =
      options(fake("echo '[1:ERROR:dbus/bus.cc:405] noise'\necho 'no usable display' >&2\nexit 13"),
              *slot, "http://127.0.0.1:9/");
  auto browser = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(browser);
  std::vector<base::FileDescriptor> main;
  main.emplace_back(::dup(browser->pidfd()));
  ASSERT_TRUE(waitForAll(main, 10s));
  const auto error = browser->failure();
  EXPECT_EQ(error.category, ErrorCategory::BrowserFailed);
  EXPECT_EQ(error.message, "chromium exited with code 13; it wrote:\nno usable display");
  EXPECT_THAT(error.hint, HasSubstr(launch.folder.log().native()));
  EXPECT_EQ(browser->logTail(5), "");
}

TEST_F(Process, WhatCannotBeLaunched) {
  auto slot = store().acquire();
  auto launch = options({"chromium", "chromium", folder_.path() / "fake_none", "1"}, *slot,
                        "http://127.0.0.1:9/");
  const auto missing = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().category, ErrorCategory::BrowserFailed);
  EXPECT_FALSE(fs::exists(launch.folder.record()));

  launch.headless = false;
  launch.environment.variables.clear();
  const auto noDisplay = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_FALSE(noDisplay);
  EXPECT_EQ(noDisplay.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(noDisplay.error().message, HasSubstr("DISPLAY"));

  launch.environment.variables["DISPLAY"] = ":65000";
  const auto deaf = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_FALSE(deaf);
  EXPECT_EQ(deaf.error().category, ErrorCategory::InvalidArgument);
  EXPECT_THAT(deaf.error().message, HasSubstr(":65000 does not answer"));

  launch.headless = true;
  launch.folder.root = "/proc/webpool/chromium-0";
  const auto unwritable = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_FALSE(unwritable);
  EXPECT_THAT(unwritable.error().message, HasSubstr("/proc/webpool"));

  launch.browser.name = "netscape";
  EXPECT_EQ(BrowserProcess::launch(launcher_, random_, launch).error().category,
            ErrorCategory::InvalidArgument);
}

}  // namespace
}  // namespace webpool::browsers
