// Acts as a webpool that is killed: acquires a folder, launches a browser in it, says so, waits.
//   crash_helper CACHE slot|ephemeral PROGRAM URL
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

#include "browsers/browser_process.h"
#include "browsers/profile_store.h"

int main(int count, char** arguments) {
  using namespace webpool::browsers;
  if (count != 5) return 2;
  const std::string program = arguments[3];
  ProfileStore store(arguments[1], webpool::base::systemRandom());
  auto slot = store.acquire({.ephemeral = std::string_view(arguments[2]) == "ephemeral"});
  auto folder = slot ? slot->browserFolder("chromium", 0)
                     : webpool::Result<BrowserFolder>(std::unexpected(slot.error()));
  if (!folder) {
    fmt::print("{}\n", folder.error().describe());
    return 1;
  }
  const auto environment = Environment::ofThisProcess();
  Launcher launcher;
  auto browser = BrowserProcess::launch(launcher, webpool::base::systemRandom(),
                                        {.browser = {"chromium", "chromium", program, "1"},
                                         .folder = *folder,
                                         .url = arguments[4],
                                         .machine = inspectMachine(environment, program),
                                         .environment = environment,
                                         .headless = true,
                                         .extraFlags = {}});
  if (!browser) {
    fmt::print("{}\n", browser.error().describe());
    return 1;
  }
  fmt::print("{}\n", folder->root.native());
  std::fflush(stdout);
  ::pause();
  return 0;
}
