#include "browsers/browser_environment.h"

#include <string_view>

#include <fmt/format.h>

#include "browsers/process_table.h"

namespace webpool::browsers {
namespace {

constexpr std::string_view kPassed[] = {
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "VK_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "CUDA_VISIBLE_DEVICES",
};

// Only a browser with a window needs the user's desktop.
constexpr std::string_view kPassedWithWindow[] = {
    "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP",
};

}  // namespace

std::vector<std::string> browserEnvironment(const LaunchOptions& options,
                                            const std::string& marker) {
  const auto& from = options.environment;
  const auto home = options.folder.home().native();
  std::vector<std::string> result{
      markerVariable(marker),
      fmt::format("HOME={}", home),
      fmt::format("XDG_CONFIG_HOME={}/.config", home),
      fmt::format("XDG_CACHE_HOME={}/.cache", home),
      fmt::format("XDG_DATA_HOME={}/.local/share", home),
      fmt::format("XDG_STATE_HOME={}/.local/state", home),
      // Relative to the working directory: Chromium makes a socket there, and a socket's path may
      // have at most 107 bytes.
      fmt::format("TMPDIR={}", options.folder.temporary().filename().native()),
      "DBUS_SESSION_BUS_ADDRESS=disabled:",
  };
  const auto path = from.variable("PATH");
  result.push_back(fmt::format("PATH={}", path.empty() ? "/usr/bin:/bin" : path));
  const auto pass = [&](std::string_view name) {
    if (auto value = from.variable(name); !value.empty()) {
      result.push_back(fmt::format("{}={}", name, value));
    }
  };
  for (const auto name : kPassed) pass(name);
  if (options.headless) {
    result.push_back(fmt::format("XDG_RUNTIME_DIR={}", options.folder.runtime().native()));
    return result;
  }
  for (const auto name : kPassedWithWindow) pass(name);
  auto authority = from.variable("XAUTHORITY");
  if (authority.empty()) authority = from.variable("HOME") + "/.Xauthority";
  result.push_back(fmt::format("XAUTHORITY={}", authority));
  return result;
}

}  // namespace webpool::browsers
