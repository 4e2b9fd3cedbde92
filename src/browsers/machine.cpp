#include "browsers/machine.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "base/file.h"

namespace webpool::browsers {
namespace {

bool isThere(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
}

/// The first word of a file of /proc/sys; empty when it is not there.
std::string setting(const Environment& environment, std::string_view path) {
  auto text = base::readFile(environment.at(path), 4096);
  if (!text) return {};
  return text->substr(0, text->find_first_of(" \n"));
}

/// What tells that this is a container; nullopt when nothing does.
std::optional<std::string> containerSign(const Environment& environment) {
  for (const std::string_view path : {"/.dockerenv", "/run/.containerenv"}) {
    if (isThere(environment.at(path))) return std::string(path);
  }
  if (const auto value = environment.variable("container"); !value.empty()) {
    return fmt::format("container={}", value);
  }
  const auto groups = base::readFile(environment.at("/proc/1/cgroup"), 1 << 16);
  if (!groups) return std::nullopt;
  for (const std::string_view word : {"docker", "kubepods", "containerd", "libpod", "lxc"}) {
    if (groups->find(word) != std::string::npos) {
      return fmt::format("\"{}\" in /proc/1/cgroup", word);
    }
  }
  return std::nullopt;
}

bool userNamespacesAllowed(const Environment& environment) {
  return setting(environment, "/proc/sys/kernel/unprivileged_userns_clone") != "0" &&
         setting(environment, "/proc/sys/user/max_user_namespaces") != "0" &&
         setting(environment, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") != "1";
}

bool hasSetuidHelper(const std::filesystem::path& program) {
  struct stat status{};
  const auto helper = program.parent_path() / "chrome-sandbox";
  return ::stat(helper.c_str(), &status) == 0 && status.st_uid == 0 &&
         (status.st_mode & S_ISUID) != 0;
}

void decideSandbox(MachineFacts& facts, const Environment& environment,
                   const std::filesystem::path& program) {
  if (environment.userId == 0) {
    facts.sandbox = false;
    facts.notice = "the browser runs without its sandbox because webpool runs as root";
  } else if (const auto sign = containerSign(environment)) {
    facts.sandbox = false;
    facts.notice =
        fmt::format("the browser runs without its sandbox because this is a container ({})", *sign);
  } else if (!userNamespacesAllowed(environment) && !hasSetuidHelper(program)) {
    facts.notice =
        "the browser's sandbox may not start: this system lets no user make user namespaces, and "
        "no setuid chrome-sandbox lies beside the browser";
  }
}

bool hasGpu(const Environment& environment) {
  if (isThere(environment.at("/dev/nvidia0"))) return true;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(environment.at("/dev/dri"), error)) {
    if (entry.path().filename().native().starts_with("renderD")) return true;
  }
  return false;
}

bool hasSmallSharedMemory(const Environment& environment) {
  constexpr std::uint64_t kEnough = 1ull << 30;
  struct statvfs status{};
  if (::statvfs(environment.at("/dev/shm").c_str(), &status) != 0) return true;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize < kEnough;
}

}  // namespace

MachineFacts inspectMachine(const Environment& environment, const std::filesystem::path& program) {
  MachineFacts facts;
  decideSandbox(facts, environment, program);
  facts.gpu = hasGpu(environment);
  facts.smallSharedMemory = hasSmallSharedMemory(environment);
  return facts;
}

}  // namespace webpool::browsers
