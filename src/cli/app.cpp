#include "cli/app.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <sstream>

#include "cli/content_sources.h"
#include "cli/record_flags.h"
#include "cli/settings_flags.h"
#include "webpool/version.h"

namespace webpool::cli {
namespace {

constexpr const char* kFooter = R"(
Examples:
  webpool run --model all-minilm-l6-v2 "a sentence" "another"
  webpool run --model ./silero_vad.onnx --inputs in.npz --outputs out.npz
  webpool models add ./my-model.onnx --name my-model
  webpool content add photos/
  webpool chat
  webpool run --url http://127.0.0.1:8080 --model all-minilm-l6-v2 "a sentence"
  webpool browsers
  webpool stats --db-path runs.duckdb

Exit codes:
  0 done                         6 not supported here, or a wrong answer refused
  1 a defect, or not allowed     7 storage: disk full, damaged content
  2 wrong use                    8 a source did not deliver
  3 bad model, bad input, CAR    9 timeout
  4 not found                   10 busy, or the port is in use
  5 no browser, or it failed   130 interrupted

Files:
  models    $WEBPOOL_DATA_DIR, else ~/.local/share/webpool
  profiles  $WEBPOOL_CACHE_DIR, else ~/.cache/webpool
  (XDG_DATA_HOME and XDG_CACHE_HOME are respected))";

/// CLI11's help, its long descriptions wrapped to 80 columns.
class WrappingFormatter final : public CLI::Formatter {
 public:
  WrappingFormatter() { column_width(kColumn); }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::istringstream lines(CLI::Formatter::make_help(app, std::move(name), mode));
    std::string text;
    for (std::string line; std::getline(lines, line);) {
      while (line.size() > kWidth) {
        const auto space = line.rfind(' ', kWidth);
        if (space == std::string::npos || space <= kColumn) break;
        text += line.substr(0, space) + "\n";
        line = std::string(kColumn, ' ') + line.substr(space + 1);
      }
      text += line + "\n";
    }
    return text;
  }

 private:
  static constexpr std::size_t kWidth = 80;
  static constexpr std::size_t kColumn = 30;
};

}  // namespace

void BrowserFlags::addTo(CLI::App& command) {
  command.add_option("--browser", browser, "Which browser (webpool browsers lists them)")
      ->capture_default_str();
  command
      .add_option("--browser-path", browserPaths,
                  "Use this executable, e.g. chromium=/opt/chromium/chrome")
      ->allow_extra_args(false);
  command.add_flag("--visible", visible, "Show the browser's window");
  command.add_flag("--ephemeral", ephemeral,
                   "Delete the browser's profile (and its cache) afterwards");
  command.add_option("--port", port, "TCP port on 127.0.0.1 (default: the profile's own)")
      ->check(CLI::Range(0, 65535));
  command.add_option("--threads", threads, "WASM threads per model (default: chosen)")
      ->check(CLI::Range(0, 64));
  addDbPath(command, dbPath, "Keep a record of every run in this DuckDB file");
  sources.addTo(command);
}

Result<PoolOptions> BrowserFlags::poolOptions(
    const Context& context, std::function<void(const std::string&)> notice) const {
  PoolOptions options;
  options.url = "";  // only where a command has --url
  options.dataFolder = context.paths.data;
  options.cacheFolder = context.paths.cache;
  if (browser != "auto") options.browsers = {browser};
  options.headless = !visible;
  options.ephemeral = ephemeral;
  options.port = static_cast<std::uint16_t>(port);
  options.wasmThreads = threads;
  options.notice = std::move(notice);
  if (context.verbose) options.logLevel = "debug";
  auto from = contentSettings(context, sources);
  if (!from) return std::unexpected(from.error());
  options.contentSources = {.gateways = std::move(from->gateways),
                            .peers = std::move(from->nodes),
                            .routers = std::move(from->routers),
                            .kubo = std::move(from->kubo)};
  for (const auto& text : browserPaths) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
      return fail(ErrorCategory::InvalidArgument, fmt::format("--browser-path '{}'", text),
                  "write NAME=PATH, for example --browser-path chromium=/usr/bin/chromium");
    }
    options.browserPaths[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return options;
}

std::unique_ptr<CLI::App> makeApp(Context& context, Action& action) {
  auto app = std::make_unique<CLI::App>("webpool runs AI models in web browsers.", "webpool");
  app->formatter(std::make_shared<WrappingFormatter>());
  app->set_version_flag("--version", std::string("webpool ") + kVersion);
  app->add_flag("-q,--quiet", context.quiet, "No progress and no notices");
  app->add_flag("-v,--verbose", context.verbose, "Log what happens to stderr");
  app->add_option("--config", context.configFile,
                  "Settings (default: ./webpool.toml, else "
                  "webpool/webpool.toml in $XDG_CONFIG_HOME)")
      ->type_name("FILE");
  app->add_option("--data-dir", context.paths.data, "Folder of the models")->type_name("FOLDER");
  app->add_option("--cache-dir", context.paths.cache, "Folder of the browser profiles")
      ->type_name("FOLDER");
  app->require_subcommand(1);
  app->fallthrough();
  app->footer(kFooter);
  addRunCommand(*app, context, action);
  addChatCommand(*app, context, action);
  addModelsCommand(*app, context, action);
  addContentCommand(*app, context, action);
  addBrowsersCommand(*app, context, action);
  addServeCommand(*app, context, action);
  addStatsCommand(*app, context, action);
  addDemoCommand(*app, context, action);
  addCleanCommand(*app, context, action);
  takeSettings(*app, context);
  addCompletionCommand(*app, context, action);
  addConfigCommand(*app, context, action);
  return app;
}

}  // namespace webpool::cli
