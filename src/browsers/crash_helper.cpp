// Acts as a webpool that is killed: acquires a folder, launches a browser in it, says so, waits.
//   crash_helper CACHE slot|ephemeral NAME PROGRAM URL
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

#include "browsers/browser_kind.h"
#include "browsers/browser_process.h"
#include "browsers/profile_store.h"

int main(int count, char** arguments) {
  using namespace webpool::browsers;
  if (count != 6) return 2;
  const std::string name = arguments[3];
  const Browser program{"", name, arguments[4], "1"};
  ProfileStore store(arguments[1], webpool::base::systemRandom());
  auto slot = store.acquire({.ephemeral = std::string_view(arguments[2]) == "ephemeral"});
  auto folder = slot ? slot->browserFolder(name, 0)
                     : webpool::Result<BrowserFolder>(std::unexpected(slot.error()));
  if (!folder) {
    fmt::print("{}\n", folder.error().describe());
    return 1;
  }
  const auto environment = Environment::ofThisProcess();
  Launcher launcher;
  auto browser = BrowserProcess::launch(launcher, webpool::base::systemRandom(),
                                        {.browser = program,
                                         .folder = *folder,
                                         .url = arguments[5],
                                         .machine = inspectMachineFor(environment, program),
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
