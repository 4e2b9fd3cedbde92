#include "browsers/environment.h"

#include <unistd.h>

namespace webpool::browsers {

Environment Environment::ofThisProcess() {
  Environment environment;
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  environment.userId = ::geteuid();
  return environment;
}

std::string Environment::variable(std::string_view name) const {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string() : found->second;
}

std::filesystem::path Environment::at(const std::filesystem::path& absolute) const {
  return root / absolute.relative_path();
}

}  // namespace webpool::browsers
