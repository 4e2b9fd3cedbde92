#include "sched/blame.h"

namespace webpool::sched {

bool blamesWorker(ErrorCategory category) noexcept {
  switch (category) {
    case ErrorCategory::WorkerLost:
    case ErrorCategory::DeviceLost:
    case ErrorCategory::BrowserFailed:
    case ErrorCategory::WrongResult:
    case ErrorCategory::OutOfMemory:
    case ErrorCategory::Protocol:
    case ErrorCategory::Internal:
      return true;
    case ErrorCategory::InvalidArgument:
    case ErrorCategory::InvalidModel:
    case ErrorCategory::InvalidInput:
    case ErrorCategory::NotFound:
    case ErrorCategory::Unsupported:
    case ErrorCategory::BrowserNotFound:
    case ErrorCategory::Integrity:
    case ErrorCategory::Storage:
    case ErrorCategory::NoSpace:
    case ErrorCategory::Busy:
    case ErrorCategory::PortInUse:
    case ErrorCategory::Fetch:
    case ErrorCategory::Timeout:
    case ErrorCategory::Cancelled:
    case ErrorCategory::Unauthorized:
      return false;
  }
  return false;
}

bool isDoubtful(ErrorCategory category) noexcept {
  return category == ErrorCategory::Internal;
}

bool mayMove(ErrorCategory category) noexcept {
  return category == ErrorCategory::WorkerLost || category == ErrorCategory::DeviceLost ||
         category == ErrorCategory::BrowserFailed || category == ErrorCategory::OutOfMemory;
}

}  // namespace webpool::sched
