// --url: a running `webpool serve` does the work.
#pragma once

#include <filesystem>
#include <string>

#include "cli/app.h"
#include "webpool/options.h"

namespace webpool::cli {

struct ServerFlags {
  std::string url;                  ///< empty: browsers of this process
  std::filesystem::path tokenFile;  ///< with what the server is to be sent as a bearer token

  /// After the options that choose browsers of this process: they exclude it.
  void addTo(CLI::App& command);
  Result<void> setIn(PoolOptions& options) const;
  /// The one that a model is to be in; here the pool launches no other.
  std::string browserOf(const BrowserFlags& browser) const {
    return url.empty() || browser.browser == "auto" ? "" : browser.browser;
  }
};

/// The file's text without the end of its line; of no file $WEBPOOL_API_TOKEN, which may be empty.
/// InvalidArgument for a file that holds none.
Result<std::string> readToken(const std::filesystem::path& file);

}  // namespace webpool::cli
