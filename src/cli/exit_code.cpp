#include "cli/exit_code.h"

#include <cstdio>

namespace webpool::cli {

int exitCode(ErrorCategory category) noexcept {
  switch (category) {
    case ErrorCategory::Internal:
    case ErrorCategory::Unauthorized:
      return 1;
    case ErrorCategory::InvalidArgument:
      return kUsageExit;
    case ErrorCategory::InvalidModel:
    case ErrorCategory::InvalidInput:
    case ErrorCategory::Protocol:  // malformed blocks and CARs, too
      return 3;
    case ErrorCategory::NotFound:
      return 4;
    case ErrorCategory::BrowserNotFound:
    case ErrorCategory::BrowserFailed:
    case ErrorCategory::WorkerLost:
    case ErrorCategory::DeviceLost:
    case ErrorCategory::OutOfMemory:
      return 5;
    case ErrorCategory::Unsupported:
    case ErrorCategory::WrongResult:
      return 6;
    case ErrorCategory::Storage:
    case ErrorCategory::NoSpace:
    case ErrorCategory::Integrity:
      return 7;
    case ErrorCategory::Fetch:
      return 8;
    case ErrorCategory::Timeout:
      return 9;
    case ErrorCategory::Busy:
    case ErrorCategory::PortInUse:
      return 10;
    case ErrorCategory::Cancelled:
      return 130;
  }
  return 1;
}

int reportError(const Error& error) {
  if (error.category == ErrorCategory::Cancelled) {
    // Nobody but the person at the terminal cancels here; what it hit is of no use to them.
    std::fprintf(stderr, "webpool: interrupted\n");
    return exitCode(error.category);
  }
  std::fprintf(stderr, "webpool: %s [%s]\n", error.message.c_str(),
               std::string(categoryName(error.category)).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  -> %s\n", error.hint.c_str());
  return exitCode(error.category);
}

}  // namespace webpool::cli
