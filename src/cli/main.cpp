#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/signals.h"

namespace {

/// The word that stands where a command is due, if it is none.
std::optional<std::string_view> unknownCommand(const CLI::App& app, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.starts_with('-')) continue;
    const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
    const bool known = std::ranges::any_of(
        commands, [word](const CLI::App* command) { return command->get_name() == word; });
    return known ? std::nullopt : std::optional(word);
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace webpool;
  const cli::SignalWatch signals;
  try {
    cli::Context context{.paths = base::pathsFromEnvironment(), .stop = signals.token()};
    cli::Action action;
    auto app = cli::makeApp(context, action);
    if (const auto wrong = unknownCommand(*app, argc, argv)) {
      cli::reportError({ErrorCategory::InvalidArgument,
                        "webpool knows no command '" + std::string(*wrong) + "'",
                        "webpool --help lists the commands"});
      return cli::kUsageExit;
    }
    try {
      app->parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      const int code = app->exit(error);
      if (code == 0 && std::fflush(stdout) != 0) return cli::exitCode(ErrorCategory::Storage);
      return code == 0 ? 0 : cli::kUsageExit;
    }
    int code = action();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      const int failed =
          cli::reportError({ErrorCategory::Storage, "standard output can't be written",
                            "free space where it goes, or give another place"});
      if (code == 0) code = failed;
    }
    return signals.received() != 0 && code != 0 ? 128 + signals.received() : code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "webpool: %s [internal]\n", error.what());
    return 1;
  }
}
