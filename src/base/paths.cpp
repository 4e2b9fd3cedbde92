#include "base/paths.h"

#include <cstdlib>
#include <string>
#include <system_error>

namespace webpool::base {
namespace {

std::filesystem::path folder(const char* own, const char* xdg, const char* homeRelative) {
  if (const char* value = std::getenv(own); value && *value) return value;
  if (const char* value = std::getenv(xdg); value && *value == '/') {
    return std::filesystem::path(value) / "webpool";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return std::filesystem::path(home) / homeRelative / "webpool";
}

}  // namespace

Paths pathsFromEnvironment() {
  return {folder("WEBPOOL_DATA_DIR", "XDG_DATA_HOME", ".local/share"),
          folder("WEBPOOL_CACHE_DIR", "XDG_CACHE_HOME", ".cache")};
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
