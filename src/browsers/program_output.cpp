#include "browsers/program_output.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fmt/format.h>

#include "browsers/spawn.h"

namespace webpool::browsers {

Result<std::string> programOutput(const std::filesystem::path& program,
                                  std::vector<std::string> arguments,
                                  std::chrono::milliseconds limit,
                                  std::vector<std::string> variables) {
  const base::FileDescriptor output(::memfd_create("program-output", MFD_CLOEXEC));
  if (!output.valid()) return std::unexpected(base::fileError("can't run", program, errno));
  // No folder can be made under that HOME, not even by root.
  variables.insert(variables.end(), {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/dev/null"});
  auto child = spawnHere({.program = program,
                          .arguments = std::move(arguments),
                          .environment = std::move(variables),
                          .folder = "/",
                          .output = output.get()});
  if (!child) return std::unexpected(child.error());
  const auto status = child->waitFor(limit);
  // The child leads its session's process group and is not reaped: the number is surely its own.
  ::kill(-child->pid(), SIGKILL);
  constexpr std::chrono::seconds kKillLimit{5};
  child->waitFor(kKillLimit);
  child->reap();
  if (!status) {
    return fail(ErrorCategory::Timeout,
                fmt::format("{} did not end within {} ms", program.native(), limit.count()));
  }
  constexpr std::size_t kMost = 64 << 10;
  std::string text(kMost, '\0');
  text.resize(static_cast<std::size_t>(
      std::max<ssize_t>(0, ::pread(output.get(), text.data(), text.size(), 0))));
  if (status->bySignal || status->code != 0) {
    return fail(ErrorCategory::BrowserFailed,
                fmt::format("{} {}", program.native(), status->text()));
  }
  return text;
}

}  // namespace webpool::browsers
