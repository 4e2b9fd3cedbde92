// The environment a browser gets: a short list of what it may know of the user's, and folders of
// its own for everything it writes.
#pragma once

#include <string>
#include <vector>

#include "browsers/launch_options.h"

namespace webpool::browsers {

/// "NAME=value" entries, the marker among them. Those of `own` win.
std::vector<std::string> browserEnvironment(const LaunchOptions& options, const std::string& marker,
                                            std::vector<std::string> own = {});

}  // namespace webpool::browsers
