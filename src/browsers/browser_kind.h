// A kind of browser as data: how it is recognised, found and started. To add one, write a file like
// chromium.cpp and name it in browser_kinds.cpp.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "browsers/launch_options.h"

namespace webpool::browsers {

/// A file that the browser is to find in its profile.
struct ProfileFile {
  std::string name;
  std::string text;
};

struct BrowserKind {
  std::string_view name;                         ///< what --browser takes
  std::string_view engine;                       ///< the family
  std::string_view installHint;                  ///< how to get one
  std::span<const std::string_view> commands;    ///< looked for in PATH, best first
  std::span<const std::string_view> places;      ///< absolute paths, looked at after PATH
  std::span<const std::string_view> realNames;   ///< the program's name beside its wrapper script
  std::span<const std::string_view> titles;      ///< what --version starts with
  std::string_view minimumVersion;               ///< "113" or "2.40": older ones are refused …
  std::string_view minimumReason;                ///< … because it is "the first with …"
  std::span<const std::string_view> staleFiles;  ///< in the profile, removed before each start
  std::span<const std::string_view> logNoise;    ///< log lines with these say nothing
  /// Text before the profile's path in an argument of its own, "--user-data-dir=".
  std::string_view profileFlag;
  SandboxRule sandbox = SandboxRule::Chromium;
  /// It can't run without a display, not even for --version: headless means one of our own (Xvfb).
  bool needsDisplay = false;
  std::vector<std::string> (*arguments)(const LaunchOptions& options);
  /// Entries of its environment, "NAME=value", that win over those every browser gets; may be null.
  std::vector<std::string> (*environment)(const LaunchOptions& options) = nullptr;
  /// Written before each start; may be null.
  std::vector<ProfileFile> (*profileFiles)(const LaunchOptions& options) = nullptr;
};

const BrowserKind& chromiumKind();
const BrowserKind& chromeKind();
const BrowserKind& edgeKind();
const BrowserKind& chromiumWebNnKind();
const BrowserKind& firefoxKind();
const BrowserKind& webkitKind();

/// All kinds, the preferred first.
std::span<const BrowserKind* const> browserKinds();

/// nullptr for an unknown name.
const BrowserKind* browserKind(std::string_view name);

/// The variable that names an executable of that kind: "WEBPOOL_CHROMIUM_WEBNN".
std::string pathVariable(const BrowserKind& kind);

}  // namespace webpool::browsers
