#include "base/paths.h"

#include <cstdlib>
#include <system_error>

namespace webpool::base {
namespace {

/// Empty where the variable is not set.
std::filesystem::path named(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

/// The standard: what is not absolute is not set.
std::filesystem::path ofXdg(const char* variable) {
  auto folder = named(variable);
  return folder.is_absolute() ? folder / "webpool" : std::filesystem::path();
}

std::filesystem::path usual(const char* xdg, const char* homeRelative) {
  if (auto folder = ofXdg(xdg); !folder.empty()) return folder;
  auto home = named("HOME");
  return home.empty() ? home : home / homeRelative / "webpool";
}

std::filesystem::path folder(const char* own, const char* xdg, const char* homeRelative) {
  auto chosen = named(own);
  return chosen.empty() ? usual(xdg, homeRelative) : chosen;
}

std::filesystem::path runtimeFolder() {
  if (auto own = named("WEBPOOL_RUNTIME_DIR"); !own.empty()) return own;
  if (auto xdg = ofXdg("XDG_RUNTIME_DIR"); !xdg.empty()) return xdg;
  const auto cache = usual("XDG_CACHE_HOME", ".cache");
  return cache.empty() ? cache : cache / "running";
}

}  // namespace

Paths pathsFromEnvironment() {
  return {folder("WEBPOOL_DATA_DIR", "XDG_DATA_HOME", ".local/share"),
          folder("WEBPOOL_CACHE_DIR", "XDG_CACHE_HOME", ".cache"), runtimeFolder()};
}

Result<void> checkFolder(const std::filesystem::path& folder) {
  if (!folder.empty()) return {};
  return fail(ErrorCategory::InvalidArgument, "HOME is not set",
              "set HOME or WEBPOOL_DATA_DIR and WEBPOOL_CACHE_DIR");
}

Result<void> checkFolders(const Paths& paths) {
  if (auto known = checkFolder(paths.data); !known) return known;
  return checkFolder(paths.cache);
}

std::filesystem::path absoluteFolder(const std::filesystem::path& folder) {
  if (folder.empty()) return folder;
  std::error_code unknown;  // where the working folder is gone, whoever opens it says so
  auto absolute = std::filesystem::absolute(folder, unknown);
  return unknown ? folder : absolute;
}

}  // namespace webpool::base
