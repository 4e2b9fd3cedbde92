#include "cli/settings_flags.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdlib>
#include <utility>

#include "base/file.h"
#include "cli/settings_check.h"

namespace webpool::cli {
namespace {

/// Empty for none.
std::filesystem::path usualFile() {
  std::error_code ignored;
  if (std::filesystem::exists("webpool.toml", ignored)) return "webpool.toml";
  std::filesystem::path folder;
  if (const char* xdg = std::getenv("XDG_CONFIG_HOME"); xdg != nullptr && *xdg == '/') {
    folder = xdg;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    folder = std::filesystem::path(home) / ".config";
  }
  if (folder.empty()) return {};
  const auto file = folder / "webpool/webpool.toml";
  return std::filesystem::exists(file, ignored) ? file : std::filesystem::path{};
}

Result<settings::Values> fromFile(const std::filesystem::path& path) {
  constexpr std::uint64_t kMost = 1u << 20;
  const auto text = base::readInput(path, kMost, true);
  if (text) return settings::parseFile(*text, path.native());
  auto error = text.error();
  error.message = "the settings: " + error.message;
  error.hint = "webpool config --example prints a file to start from";
  return std::unexpected(std::move(error));
}

void apply(CLI::Option& option, const settings::Value& value) {
  try {
    if (option.get_items_expected_max() > 1) {
      // CLI11 takes several values apart only for an option that may have them at once.
      const auto extra = option.get_allow_extra_args();
      option.allow_extra_args(true)->default_val(value.texts)->allow_extra_args(extra);
    } else if (!value.texts.empty()) {
      option.default_val(value.texts.front());
    }
  } catch (const CLI::ParseError& error) {
    throw CLI::ValidationError(value.origin, error.what());
  }
}

void applyTo(CLI::App& app, CLI::App& command, const Context& context) {
  const auto given = givenSettings(context);
  if (!given) throw CLI::ValidationError(given.error().describe());
  for (const auto& [name, value] : *given) {
    const auto* setting = settings::find(name);
    if (!setting->isFor(command.get_name())) continue;
    auto& owner = setting->commands.empty() ? app : command;
    if (auto* option = owner.get_option_no_throw(setting->flag())) apply(*option, value);
  }
}

}  // namespace

std::string configFileOf(int argc, char** argv) {
  constexpr std::string_view kFlag = "--config";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    if (word == kFlag) return i + 1 < argc ? argv[i + 1] : "";
    if (word.starts_with("--config=")) return std::string(word.substr(kFlag.size() + 1));
  }
  return {};
}

Result<settings::Values> givenSettings(const Context& context) {
  const auto path =
      context.configFile.empty() ? usualFile() : std::filesystem::path(context.configFile);
  settings::Values values;
  if (!path.empty()) {
    auto file = fromFile(path);
    if (!file) return file;
    values = std::move(*file);
  }
  auto environment =
      settings::fromEnvironment([](const std::string& name) { return std::getenv(name.c_str()); });
  if (!environment) return environment;
  for (auto& [name, value] : *environment) values[name] = std::move(value);
  if (auto fits = checkForms(values); !fits) return std::unexpected(fits.error());
  return values;
}

void takeSettings(CLI::App& app, Context& context) {
  for (auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    command->preparse_callback(
        [&app, command, &context](std::size_t) { applyTo(app, *command, context); });
  }
}

}  // namespace webpool::cli
