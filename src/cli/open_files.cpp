#include "cli/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace webpool::cli {
namespace {

/// More help nobody, and browsers inherit the limit: some programs close every possible one.
constexpr rlim_t kEnough = 1u << 16;
constexpr std::size_t kForOthers = 512;
constexpr std::size_t kLeast = 64;
constexpr std::size_t kMost = 20'000;

}  // namespace

std::size_t raiseOpenFiles() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const auto wanted = std::min(limit.rlim_max, kEnough);
  if (limit.rlim_cur < wanted) {
    rlimit raised = limit;
    raised.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

std::size_t connectionsUnder(std::size_t openFiles) noexcept {
  const auto left = openFiles > kForOthers ? openFiles - kForOthers : 0;
  return std::clamp(left, kLeast, kMost);
}

}  // namespace webpool::cli
