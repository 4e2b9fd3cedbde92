// What finding and launching browsers reads from the machine, as a value: `main` passes the real
// one, a test passes a folder of its own.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace webpool::browsers {

struct Environment {
  std::map<std::string, std::string, std::less<>> variables;
  std::filesystem::path root = "/";  ///< every absolute path that is looked at lies under this
  unsigned userId = 0;               ///< the effective one

  static Environment ofThisProcess();

  /// The variable's value; empty when unset.
  std::string variable(std::string_view name) const;

  /// `absolute` as seen under `root`.
  std::filesystem::path at(const std::filesystem::path& absolute) const;
};

}  // namespace webpool::browsers
