// Reaches into a running browser from outside, as an accident or a person would.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace webpool::functional {

struct BrowserPids {
  pid_t main = 0;
  pid_t gpu = 0;  ///< the process that talks to the graphics driver, a software one as well
  std::vector<pid_t> renderers;
  std::vector<pid_t> all;
};

/// The Chromium whose profile lies under `cacheFolder`, where there is one.
BrowserPids findBrowser(const std::filesystem::path& cacheFolder);

/// Closes every page through the browser's debugging port, which a test opened by
/// WEBPOOL_BROWSER_FLAGS=--remote-debugging-port=0. False when the port could not be reached.
bool closePages(const std::filesystem::path& cacheFolder);

}  // namespace webpool::functional
