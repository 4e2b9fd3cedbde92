#include "browsers/browser_environment.h"

#include <algorithm>
#include <string_view>
#include <utility>

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

/// Entries of a name that was there before are left out.
class Entries {
 public:
  explicit Entries(std::vector<std::string> first) : entries_(std::move(first)) {}

  void add(std::string_view name, std::string_view value) {
    const auto same = [&](const std::string& entry) {
      return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
    };
    if (std::ranges::none_of(entries_, same)) {
      entries_.push_back(fmt::format("{}={}", name, value));
    }
  }

  std::vector<std::string> take() { return std::move(entries_); }

 private:
  std::vector<std::string> entries_;
};

}  // namespace

std::vector<std::string> browserEnvironment(const LaunchOptions& options, const std::string& marker,
                                            std::vector<std::string> own) {
  const auto& from = options.environment;
  const auto home = options.folder.home().native();
  own.insert(own.begin(), markerVariable(marker));
  Entries entries(std::move(own));
  entries.add("HOME", home);
  entries.add("XDG_CONFIG_HOME", home + "/.config");
  entries.add("XDG_CACHE_HOME", home + "/.cache");
  entries.add("XDG_DATA_HOME", home + "/.local/share");
  entries.add("XDG_STATE_HOME", home + "/.local/state");
  entries.add("TMPDIR", options.folder.temporary().native());
  entries.add("DBUS_SESSION_BUS_ADDRESS", "disabled:");
  const auto path = from.variable("PATH");
  entries.add("PATH", path.empty() ? "/usr/bin:/bin" : path);
  const auto pass = [&](std::string_view name) {
    if (auto value = from.variable(name); !value.empty()) entries.add(name, value);
  };
  for (const auto name : kPassed) pass(name);
  if (options.headless) {
    entries.add("XDG_RUNTIME_DIR", options.folder.runtime().native());
    return entries.take();
  }
  for (const auto name : kPassedWithWindow) pass(name);
  auto authority = from.variable("XAUTHORITY");
  if (authority.empty()) authority = from.variable("HOME") + "/.Xauthority";
  entries.add("XAUTHORITY", authority);
  return entries.take();
}

}  // namespace webpool::browsers
