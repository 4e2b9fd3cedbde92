// What the shell is told. The numbers are documented in `webpool --help` and in docs/cli.md.
#pragma once

#include "webpool/error.h"

namespace webpool::cli {

inline constexpr int kUsageExit = 2;

/// Prints "webpool: message" and the hint to stderr and returns the exit code of its category.
int reportError(const Error& error);

int exitCode(ErrorCategory category) noexcept;

}  // namespace webpool::cli
