#include "base/paths.h"

#include <cstdlib>
#include <string>

namespace webpool::base {
namespace {

std::filesystem::path folder(const char* own, const char* xdg, const char* homeRelative) {
  if (const char* value = std::getenv(own); value && *value) return value;
  if (const char* value = std::getenv(xdg); value && *value == '/') {
    return std::filesystem::path(value) / "webpool";
  }
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home && *home ? home : "/tmp") / homeRelative / "webpool";
}

}  // namespace

Paths pathsFromEnvironment() {
  return {folder("WEBPOOL_DATA_DIR", "XDG_DATA_HOME", ".local/share"),
          folder("WEBPOOL_CACHE_DIR", "XDG_CACHE_HOME", ".cache")};
}

}  // namespace webpool::base
