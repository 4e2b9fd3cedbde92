#include "browsers/machine.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

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
                   const std::filesystem::path& program, SandboxRule rule) {
  if (rule == SandboxRule::AlwaysOn) return;
  if (environment.userId == 0) {
    facts.sandbox = false;
    facts.notice = "the browser runs without its sandbox because webpool runs as root";
  } else if (const auto sign = containerSign(environment)) {
    facts.sandbox = false;
    facts.notice =
        fmt::format("the browser runs without its sandbox because this is a container ({})", *sign);
  } else if (rule == SandboxRule::Bubblewrap) {
    if (!userNamespacesAllowed(environment)) {
      facts.sandbox = false;
      facts.notice =
          "the browser runs without its sandbox because this system lets no user make user "
          "namespaces";
    }
  } else if (!userNamespacesAllowed(environment) && !hasSetuidHelper(program)) {
    facts.notice =
        "the browser's sandbox may not start: this system lets no user make user namespaces, and "
        "no setuid chrome-sandbox lies beside the browser";
  }
}

/// The value of "KEY<separator>value" in a text of such lines; empty when it is not there.
std::string lineValue(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    const auto start = line.find_first_not_of(" \t");
    return start == std::string_view::npos ? "" : std::string(line.substr(start));
  }
  return {};
}

/// "NVIDIA H100 80GB HBM3" by the NVIDIA driver's own word; nullopt without that driver's device.
std::optional<std::string> nvidiaName(const Environment& environment) {
  if (!isThere(environment.at("/dev/nvidia0"))) return std::nullopt;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(environment.at("/proc/driver/nvidia/gpus"), error)) {
    const auto text = base::readFile(entry.path() / "information", 1 << 16);
    if (!text) continue;
    if (auto model = lineValue(*text, "Model:"); !model.empty()) return model;
  }
  return "NVIDIA";
}

std::string vendorName(std::string_view id) {
  if (id == "0x8086") return "Intel";
  if (id == "0x1002") return "AMD";
  if (id == "0x10de") return "NVIDIA";
  if (id == "0x1af4") return "virtio";
  if (id == "0x15ad") return "VMware";
  return "GPU";
}

/// "Intel (i915, 8086:9a49)" of a render node.
std::string renderNodeName(const Environment& environment, const std::string& node) {
  const auto device = environment.at("/sys/class/drm/" + node + "/device");
  const auto id = [&](const char* name) {
    const auto text = base::readFile(device / name, 4096);
    return text ? text->substr(0, text->find('\n')) : std::string();
  };
  const auto uevent = base::readFile(device / "uevent", 1 << 16);
  const auto driver = uevent ? lineValue(*uevent, "DRIVER=") : std::string();
  const auto vendor = id("vendor");
  const auto product = id("device");
  constexpr std::size_t kHexPrefix = 2;
  std::string detail = driver.empty() ? node : driver;
  if (vendor.size() > kHexPrefix && product.size() > kHexPrefix) {
    detail += fmt::format(", {}:{}", vendor.substr(kHexPrefix), product.substr(kHexPrefix));
  }
  return fmt::format("{} ({})", vendorName(vendor), detail);
}

/// Empty without a GPU.
std::string gpuName(const Environment& environment) {
  if (auto nvidia = nvidiaName(environment)) return std::move(*nvidia);
  std::vector<std::string> nodes;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(environment.at("/dev/dri"), error)) {
    auto name = entry.path().filename().native();
    if (name.starts_with("renderD")) nodes.push_back(std::move(name));
  }
  if (nodes.empty()) return {};
  return renderNodeName(environment, *std::ranges::min_element(nodes));
}

bool hasSmallSharedMemory(const Environment& environment) {
  constexpr std::uint64_t kEnough = 1ull << 30;
  struct statvfs status{};
  if (::statvfs(environment.at("/dev/shm").c_str(), &status) != 0) return true;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize < kEnough;
}

}  // namespace

MachineFacts inspectMachine(const Environment& environment, const std::filesystem::path& program,
                            SandboxRule rule) {
  MachineFacts facts;
  decideSandbox(facts, environment, program, rule);
  facts.gpuName = gpuName(environment);
  facts.gpu = !facts.gpuName.empty();
  facts.smallSharedMemory = hasSmallSharedMemory(environment);
  return facts;
}

}  // namespace webpool::browsers
