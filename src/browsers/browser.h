// Finds the browsers installed on this machine. A browser is known by the name that --browser and
// --browser-path take; how one is recognised and started is data (browser_kind.h).
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "browsers/environment.h"
#include "webpool/error.h"

namespace webpool::browsers {

struct BrowserKind;

struct Browser {
  std::string engine;          ///< the family: "chromium", "firefox", "webkit"
  std::string name;            ///< what --browser takes; decides flags and profile: "chromium"
  std::filesystem::path path;  ///< the program to start, wrapper scripts resolved
  std::string version;         ///< "156.0.8078.79"
};

/// Thread-safe. Asks a program for its version only once while its file does not change.
class BrowserFinder {
 public:
  /// `versionCache`: a file that keeps the versions between runs (asking takes about 0.1 s each);
  /// empty for none.
  explicit BrowserFinder(Environment environment, std::filesystem::path versionCache = {});

  /// A path that a person gave (`--browser-path chromium=PATH`); it wins over the search.
  /// InvalidArgument for a name that webpool does not know. WEBPOOL_<NAME>=PATH in the environment
  /// does the same, e.g. WEBPOOL_CHROMIUM_WEBNN.
  Result<void> overridePath(std::string_view name, std::filesystem::path path);

  /// The browser of that name, asked for its version the first time (one that needs a display takes
  /// 0.4 s); "auto" or "" is the first that is installed, or the error of a path
  /// that was given and is before it. InvalidArgument for a name
  /// that webpool does not know; BrowserNotFound when it is not installed or when the path given
  /// for it is no such browser; Unsupported when it is too old.
  Result<Browser> find(std::string_view name);

  /// A person gave a path for it.
  bool isGiven(std::string_view name);

  /// The browser that find() would most likely answer, without having asked it: its version is only
  /// known where it was asked before. None for a path that a person gave, which may be anything.
  std::optional<Browser> guess(std::string_view name);

  /// Of each family the first that is installed, as guess() and the paths that were given tell;
  /// none is started. find() may still refuse one.
  std::vector<std::string> families();

  /// The names that find() knows, without "auto".
  static std::vector<std::string> knownNames();

  /// The error for a name that is none of them.
  static Error unknownName(std::string_view name);

 private:
  Result<Browser> findKind(const BrowserKind& kind);
  Result<Browser> inspect(const BrowserKind& kind, const std::filesystem::path& path);
  Result<std::string> askVersion(const BrowserKind& kind, const std::filesystem::path& program);
  Result<std::string> version(const BrowserKind& kind, const std::filesystem::path& program);
  std::optional<std::filesystem::path> given(const BrowserKind& kind) const;
  std::vector<std::filesystem::path> candidates(const BrowserKind& kind) const;
  void loadVersions();

  Environment environment_;
  std::filesystem::path versionCache_;
  std::mutex mutex_;  ///< for what follows
  std::map<std::string, std::filesystem::path, std::less<>> overrides_;
  std::map<std::string, std::string> versions_;  ///< by name, path, size and change time
};

}  // namespace webpool::browsers
