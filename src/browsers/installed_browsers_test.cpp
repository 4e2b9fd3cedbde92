// Every kind of browser that the set-up installs, started for real. Chromium has tests of its own
// in browser_process_test.cpp.
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "browsers/browser.h"
#include "browsers/browser_kind.h"
#include "browsers/browser_process.h"
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

Environment testEnvironment() {
  auto environment = Environment::ofThisProcess();
  environment.variables.try_emplace("WEBPOOL_CHROMIUM_WEBNN", WEBPOOL_TEST_CHROMIUM_WEBNN);
  // As on a server: whoever runs the tests on a desktop sees no window.
  environment.variables.erase("DISPLAY");
  environment.variables.erase("WAYLAND_DISPLAY");
  return environment;
}

class Installed : public testing::TestWithParam<const char*> {
 protected:
  Browser browser() const {
    auto found = BrowserFinder(environment_).find(GetParam());
    EXPECT_TRUE(found) << found.error().describe() << "; scripts/setup test installs it";
    return found ? *found : Browser{};
  }

  LaunchOptions options(Slot& slot, std::string url) const {
    LaunchOptions result;
    result.browser = browser();
    result.environment = environment_;
    result.machine = inspectMachineFor(environment_, result.browser);
    auto folder = slot.browserFolder(result.browser.name, 0);
    EXPECT_TRUE(folder);
    result.folder = *folder;
    result.url = std::move(url);
    return result;
  }

  ProfileStore store() const { return {cache_, base::systemRandom()}; }

  Environment environment_ = testEnvironment();
  test::TempFolder folder_;
  fs::path cache_ = folder_.path() / std::string(120, 'c');
  Launcher launcher_;
  base::RandomSource random_ = base::systemRandom();
};

/// The socket of the display that one of the processes was given; empty when none was.
fs::path displaySocket(const std::vector<ProcessEntry>& processes) {
  constexpr std::string_view kKey = "DISPLAY=:";
  for (const auto& entry : processes) {
    std::istringstream variables(entry.environment);
    for (std::string variable; std::getline(variables, variable, '\0');) {
      if (variable.starts_with(kKey)) return "/tmp/.X11-unix/X" + variable.substr(kKey.size());
    }
  }
  return {};
}

TEST_P(Installed, IsTheRealProgram) {
  const auto found = browser();
  std::ifstream file(found.path, std::ios::binary);
  std::string magic(4, '\0');
  file.read(magic.data(), 4);
  EXPECT_EQ(magic.substr(1), "ELF") << found.path;
  EXPECT_THAT(found.version, testing::MatchesRegex("[0-9]+\\.[0-9.]+"));
}

TEST_P(Installed, ShowsThePageAndLeavesNothing) {
  test::PageServer server;
  auto slot = store().acquire({.ephemeral = true});
  ASSERT_TRUE(slot);
  const auto launch = options(*slot, server.url("/?token=x"));
  auto process = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(process) << process.error().describe();
  ASSERT_TRUE(server.waitForRequest("/?token=x", 60s)) << process->failure().describe();
  ASSERT_TRUE(server.waitForRequest("/ran", 60s)) << "the page's script did not run";
  EXPECT_FALSE(process->exitStatus());

  const auto processes = test::recorded(launch.folder);
  EXPECT_GE(processes.size(), 3u) << "main, network, page";
  EXPECT_THAT(test::strayFiles(processes, folder_.path()), IsEmpty());
  const auto display = displaySocket(processes);
  EXPECT_EQ(display.empty(), !browserKind(GetParam())->needsDisplay);
  EXPECT_EQ(fs::exists(display), !display.empty());
  const auto memory = process->memory();
  ASSERT_TRUE(memory) << memory.error().describe();
  constexpr std::uint64_t kMib = 1 << 20;
  EXPECT_GT(memory->pss, 50 * kMib);
  EXPECT_LT(memory->pss, 4000 * kMib);
  EXPECT_GE(memory->processes, 3u);
  const auto pidfds = test::openAll(processes);

  const auto stopped = process->stop();
  ASSERT_TRUE(stopped) << stopped.error().describe();
  EXPECT_TRUE(waitForAll(pidfds, 0ms));
  EXPECT_FALSE(process->memory());
  EXPECT_TRUE(fs::is_empty(launch.folder.temporary()));
  EXPECT_TRUE(fs::is_empty(launch.folder.runtime()));
  EXPECT_FALSE(fs::exists(launch.folder.record()));
  EXPECT_FALSE(fs::exists(display));
  EXPECT_FALSE(fs::is_empty(launch.folder.profile())) << "its profile lies elsewhere";
}

TEST_P(Installed, StartsAgainInTheProfileOfAKilledOne) {
  test::PageServer server;
  auto slot = store().acquire();
  ASSERT_TRUE(slot);
  auto launch = options(*slot, server.url("/first"));
  auto process = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(process) << process.error().describe();
  ASSERT_TRUE(server.waitForRequest("/first", 60s)) << process->failure().describe();
  const auto pidfds = test::openAll(test::recorded(launch.folder));

  ::kill(process->pid(), SIGKILL);
  std::vector<base::FileDescriptor> main;
  main.emplace_back(::dup(process->pidfd()));
  ASSERT_TRUE(waitForAll(main, 5s)) << "the pidfd told nothing";
  EXPECT_THAT(process->failure().message, HasSubstr("killed by signal 9"));
  ASSERT_TRUE(process->stop());
  EXPECT_TRUE(waitForAll(pidfds, 0ms)) << "a process of the killed browser is left";

  launch.url = server.url("/second");
  auto again = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(again);
  EXPECT_TRUE(server.waitForRequest("/second", 60s)) << again->failure().describe();
}

TEST_P(Installed, EndsWithAWebpoolThatIsKilled) {
  test::PageServer server;
  test::Helper webpool(WEBPOOL_CRASH_HELPER,
                       {cache_, "ephemeral", GetParam(), browser().path, server.url()});
  const BrowserFolder folder{webpool.readLine()};
  ASSERT_TRUE(fs::exists(folder.record())) << folder.root;
  ASSERT_TRUE(server.waitForRequest("/", 60s));
  const auto processes = test::recorded(folder);
  const auto pidfds = test::openAll(processes);
  EXPECT_GE(pidfds.size(), 3u);

  webpool.process().signal(SIGKILL);
  EXPECT_TRUE(waitForAll(pidfds, 10s)) << "a process outlived its webpool";
  EXPECT_FALSE(fs::exists(displaySocket(processes)));
  const auto report = store().sweep();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.foldersRemoved, 1u);
  EXPECT_FALSE(fs::exists(cache_ / "ephemeral"));
}

INSTANTIATE_TEST_SUITE_P(Browsers, Installed,
                         testing::Values("firefox", "webkit", "chromium-webnn"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

/// The hosts that Firefox's log says it opened sockets to.
std::vector<std::string> socketHosts(const fs::path& folder) {
  constexpr std::string_view kKey = "nsSocketTransport::Init [this=";
  std::vector<std::string> hosts;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".moz_log") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line.contains(kKey)) hosts.push_back(line);
    }
  }
  return hosts;
}

using Firefox = Installed;

TEST_P(Firefox, AsksNobodyButThePage) {
  test::PageServer server;
  auto slot = store().acquire({.ephemeral = true});
  ASSERT_TRUE(slot);
  auto launch = options(*slot, server.url("/"));
  const auto log = folder_.path() / "sockets";
  launch.extraFlags = {"-MOZ_LOG=sync,nsSocketTransport:5", "-MOZ_LOG_FILE=" + log.native()};
  auto process = BrowserProcess::launch(launcher_, random_, launch);
  ASSERT_TRUE(process) << process.error().describe();
  ASSERT_TRUE(server.waitForRequest("/ran", 60s)) << process->failure().describe();
  ASSERT_TRUE(process->stop());
  EXPECT_THAT(socketHosts(folder_.path()),
              AllOf(Not(IsEmpty()), Each(HasSubstr("host=127.0.0.1:"))));
}

INSTANTIATE_TEST_SUITE_P(Browsers, Firefox, testing::Values("firefox"));

}  // namespace
}  // namespace webpool::browsers
