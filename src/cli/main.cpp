#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/signals.h"

int main(int argc, char** argv) {
  using namespace webpool;
  const cli::SignalWatch signals;
  try {
    cli::Context context{.paths = base::pathsFromEnvironment(), .stop = signals.token()};
    cli::Action action;
    auto app = cli::makeApp(context, action);
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
