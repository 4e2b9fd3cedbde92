#include "webpool/error.h"

#include <array>

namespace webpool {
namespace {

struct CategoryInfo {
  ErrorCategory category;
  std::string_view name;
  bool retry;
};

constexpr std::array kCategories{
    CategoryInfo{ErrorCategory::InvalidArgument, "invalid_argument", false},
    CategoryInfo{ErrorCategory::InvalidModel, "invalid_model", false},
    CategoryInfo{ErrorCategory::InvalidInput, "invalid_input", false},
    CategoryInfo{ErrorCategory::NotFound, "not_found", false},
    CategoryInfo{ErrorCategory::Unsupported, "unsupported", false},
    CategoryInfo{ErrorCategory::BrowserNotFound, "browser_not_found", false},
    CategoryInfo{ErrorCategory::BrowserFailed, "browser_failed", true},
    CategoryInfo{ErrorCategory::WorkerLost, "worker_lost", true},
    CategoryInfo{ErrorCategory::DeviceLost, "device_lost", true},
    CategoryInfo{ErrorCategory::WrongResult, "wrong_result", false},
    CategoryInfo{ErrorCategory::Integrity, "integrity", false},
    CategoryInfo{ErrorCategory::Storage, "storage", false},
    CategoryInfo{ErrorCategory::NoSpace, "no_space", false},
    CategoryInfo{ErrorCategory::Busy, "busy", true},
    CategoryInfo{ErrorCategory::PortInUse, "port_in_use", false},
    CategoryInfo{ErrorCategory::OutOfMemory, "out_of_memory", false},
    CategoryInfo{ErrorCategory::Fetch, "fetch", true},
    CategoryInfo{ErrorCategory::Timeout, "timeout", true},
    CategoryInfo{ErrorCategory::Cancelled, "cancelled", false},
    CategoryInfo{ErrorCategory::Protocol, "protocol", false},
    CategoryInfo{ErrorCategory::Unauthorized, "unauthorized", false},
    CategoryInfo{ErrorCategory::Internal, "internal", false},
};

const CategoryInfo& info(ErrorCategory category) noexcept {
  for (const auto& entry : kCategories) {
    if (entry.category == category) return entry;
  }
  return kCategories.back();
}

}  // namespace

std::string_view categoryName(ErrorCategory category) noexcept {
  return info(category).name;
}

ErrorCategory categoryFromName(std::string_view name) noexcept {
  for (const auto& entry : kCategories) {
    if (entry.name == name) return entry.category;
  }
  return ErrorCategory::Internal;
}

bool Error::shouldRetry() const noexcept {
  return info(category).retry;
}

std::string Error::describe() const {
  return hint.empty() ? message : message + " (" + hint + ")";
}

}  // namespace webpool
