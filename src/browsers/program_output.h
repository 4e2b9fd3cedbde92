// What a short-lived program prints.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "webpool/error.h"

namespace webpool::browsers {

/// Runs the program with an environment of PATH, LANG and `variables` only, and returns its stdout
/// and stderr, at most 64 KiB. Blocks up to `limit`; then the program is killed. Timeout, or
/// BrowserFailed when it can't be started or ends with a failure.
Result<std::string> programOutput(const std::filesystem::path& program,
                                  std::vector<std::string> arguments,
                                  std::chrono::milliseconds limit,
                                  std::vector<std::string> variables = {});

}  // namespace webpool::browsers
