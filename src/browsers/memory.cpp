#include "browsers/memory.h"

#include <cerrno>
#include <charconv>

#include <fmt/format.h>

#include "base/file.h"

namespace webpool::browsers {
namespace {

constexpr std::string_view kKey = "\nPss:";

/// The number after "Pss:", which is in KiB.
std::uint64_t pssOf(std::string_view text) {
  constexpr std::uint64_t kKib = 1024;
  auto at = text.find(kKey);
  if (at == std::string_view::npos) return 0;
  at = text.find_first_of("0123456789", at);
  if (at == std::string_view::npos) return 0;
  std::uint64_t number = 0;
  std::from_chars(text.data() + at, text.data() + text.size(), number);
  return number * kKib;
}

}  // namespace

Result<std::uint64_t> processPss(pid_t pid) {
  constexpr std::uint64_t kLimit = 1 << 16;
  const auto text = base::readFile(fmt::format("/proc/{}/smaps_rollup", pid), kLimit);
  if (text) return pssOf(*text);
  // A process that is ending has no memory any more and answers ESRCH.
  const auto entry = readProcess(pid);
  if (!entry || entry->ended) {
    return fail(ErrorCategory::NotFound, fmt::format("process {} has ended", pid));
  }
  return std::unexpected(text.error());
}

Result<MemoryUse> memoryOf(const BrowserIdentity& identity) {
  MemoryUse use;
  for (const auto& entry : processesOf(identity, readProcessTable())) {
    const auto pss = processPss(entry.pid);
    if (!pss && pss.error().category == ErrorCategory::NotFound) continue;
    if (!pss) return std::unexpected(pss.error());
    use.pss += *pss;
    ++use.processes;
  }
  if (use.processes == 0) {
    return fail(ErrorCategory::NotFound, "the browser has no process any more");
  }
  return use;
}

}  // namespace webpool::browsers
