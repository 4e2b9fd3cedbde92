// Ends every process of a browser, by exact identity.
#pragma once

#include <chrono>

#include "browsers/process_table.h"
#include "webpool/error.h"

namespace webpool::browsers {

/// SIGKILL to all processes of that browser, again until none is left; blocks at most about
/// `limit`. Returns how many were ended. Internal when one is left.
Result<unsigned> endProcesses(const BrowserIdentity& identity, std::chrono::milliseconds limit);

}  // namespace webpool::browsers
