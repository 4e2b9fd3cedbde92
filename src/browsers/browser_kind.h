// A kind of browser as data: how it is recognised, found and started. To add one, write a file like
// chromium.cpp and name it in browser_kinds().
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "browsers/launch_options.h"

namespace webpool::browsers {

struct BrowserKind {
  std::string_view name;                         ///< what --browser takes
  std::string_view engine;                       ///< the family
  std::string_view installHint;                  ///< how to get one
  std::span<const std::string_view> commands;    ///< looked for in PATH, best first
  std::span<const std::string_view> places;      ///< absolute paths, looked at after PATH
  std::span<const std::string_view> realNames;   ///< the program's name beside its wrapper script
  std::span<const std::string_view> titles;      ///< what --version starts with
  std::span<const std::string_view> staleFiles;  ///< in the profile, removed before each start
  std::span<const std::string_view> logNoise;    ///< log lines with these say nothing
  std::string_view profileFlag;                  ///< the argument that names the profile folder
  std::vector<std::string> (*arguments)(const LaunchOptions& options);
};

const BrowserKind& chromiumKind();

/// All kinds, the preferred first.
std::span<const BrowserKind* const> browserKinds();

/// nullptr for an unknown name.
const BrowserKind* browserKind(std::string_view name);

}  // namespace webpool::browsers
