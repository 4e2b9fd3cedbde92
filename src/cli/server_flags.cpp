#include "cli/server_flags.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdlib>

#include "base/file.h"

namespace webpool::cli {

void ServerFlags::addTo(CLI::App& command) {
  auto* const address =
      command
          .add_option("--url", url,
                      "Let this running `webpool serve` do it, e.g. http://127.0.0.1:8080")
          ->type_name("URL");
  command
      .add_option("--api-token-file", tokenFile,
                  "File with the token that it asks for (else $WEBPOOL_API_TOKEN)")
      ->type_name("FILE");
  for (const auto* const ours :
       {"--browser-path", "--visible", "--ephemeral", "--port", "--threads", "--db-path"}) {
    if (auto* const option = command.get_option_no_throw(ours)) address->excludes(option);
  }
}

Result<void> ServerFlags::setIn(PoolOptions& options) const {
  options.url = url;
  if (url.empty()) return {};
  auto token = readToken(tokenFile);
  if (!token) return std::unexpected(token.error());
  options.token = std::move(*token);
  return {};
}

Result<std::string> readToken(const std::filesystem::path& file) {
  if (file.empty()) {
    const char* const variable = std::getenv("WEBPOOL_API_TOKEN");
    return std::string(variable == nullptr ? "" : variable);
  }
  auto text = base::readFile(file);
  if (!text) return std::unexpected(text.error());
  auto token = std::move(*text);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty()) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("{} holds no token", file.native()),
                "write a secret into it, for example with: openssl rand -hex 16");
  }
  return token;
}

}  // namespace webpool::cli
