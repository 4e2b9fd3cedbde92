// The command line as a tree of subcommands. Each x_command.cpp adds one; main runs the chosen one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/http_client.h"
#include "base/paths.h"
#include "webpool/options.h"

namespace CLI {
class App;
}

namespace webpool::cli {

class SignalWatch;

/// What a command is given; outlives it.
struct Context {
  base::Paths paths;
  std::string
      configFile;  ///< --config, known before the rest is parsed; empty: where it usually is
  std::stop_token stop;
  bool quiet = false;
  bool verbose = false;
  SignalWatch* signals = nullptr;    ///< null in tests of the command line
  base::HttpClient* http = nullptr;  ///< never null once main has made it
};

/// Where content comes from that is not here; empty ones are the settings'.
struct SourceFlags {
  std::vector<std::string> gateways;
  std::vector<std::string> peers;
  std::vector<std::string> routers;
  std::string kubo;

  void addTo(CLI::App& command);
};

/// Options that every command which starts a browser shares.
struct BrowserFlags {
  std::string browser = "auto";
  std::vector<std::string> browserPaths;  ///< "chromium=/opt/chromium/chrome"
  bool visible = false;
  bool ephemeral = false;
  unsigned port = 0;
  unsigned threads = 0;
  std::string dbPath;  ///< for KeptRecord; empty: no record
  SourceFlags sources;

  void addTo(CLI::App& command);
  /// PoolOptions with the context's folders; InvalidArgument for a malformed --browser-path.
  Result<PoolOptions> poolOptions(const Context& context,
                                  std::function<void(const std::string&)> notice) const;
};

/// Set by the parsed subcommand; returns the exit code.
using Action = std::function<int()>;

void addBrowsersCommand(CLI::App& app, Context& context, Action& action);
void addChatCommand(CLI::App& app, Context& context, Action& action);
void addCleanCommand(CLI::App& app, Context& context, Action& action);
void addCompletionCommand(CLI::App& app, Context& context, Action& action);
void addConfigCommand(CLI::App& app, Context& context, Action& action);
void addContentCommand(CLI::App& app, Context& context, Action& action);
void addDemoCommand(CLI::App& app, Context& context, Action& action);
void addModelsCommand(CLI::App& app, Context& context, Action& action);
void addRunCommand(CLI::App& app, Context& context, Action& action);
void addServeCommand(CLI::App& app, Context& context, Action& action);
void addStatsCommand(CLI::App& app, Context& context, Action& action);

/// The whole tree; parsing it sets `action`.
std::unique_ptr<CLI::App> makeApp(Context& context, Action& action);

/// A completion script for "bash", "zsh" or "fish", made from the tree; empty for another shell.
std::string completionScript(const CLI::App& app, const std::string& shell);

}  // namespace webpool::cli
