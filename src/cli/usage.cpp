#include "cli/usage.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <string>

#include "cli/exit_code.h"

namespace webpool::cli {
namespace {

/// The first word that looks like an option and belongs to none.
std::optional<std::string> unknownOption(const CLI::App& app) {
  for (const auto& word : app.remaining(true)) {
    if (word == "--") break;
    if (word.size() > 1 && word.starts_with('-')) return word.substr(0, word.find('='));
  }
  return std::nullopt;
}

/// "webpool models add"
std::string commandGiven(const CLI::App& app) {
  auto name = app.get_name();
  for (const auto* command : app.get_subcommands()) name += " " + commandGiven(*command);
  return name;
}

}  // namespace

std::optional<std::string_view> unknownCommand(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with('-')) {
      if (word == "--config" || word == "--data-dir" || word == "--cache-dir") ++i;  // its value
      continue;
    }
    const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
    const bool known = std::ranges::any_of(
        commands, [word](const CLI::App* command) { return command->get_name() == word; });
    return known ? std::nullopt : std::optional(word);
  }
  return std::nullopt;
}

int reportParseError(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    app.exit(error);
    return std::fflush(stdout) == 0 ? 0 : exitCode(ErrorCategory::Storage);
  }
  const auto command = commandGiven(app);
  if (const auto option = unknownOption(app)) {
    reportError({ErrorCategory::InvalidArgument,
                 fmt::format("{} knows no option '{}'", command, *option),
                 command + " --help lists the options"});
  } else {
    reportError({ErrorCategory::InvalidArgument, fmt::format("{}: {}", command, error.what()),
                 command + " --help tells what it takes"});
  }
  return kUsageExit;
}

}  // namespace webpool::cli
