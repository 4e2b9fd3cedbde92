#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "cli/app.h"
#include "cli/exit_code.h"
#include "cli/settings_flags.h"
#include "cli/signals.h"
#include "cli/usage.h"
#include "net/http_client.h"

int main(int argc, char** argv) {
  using namespace webpool;
  cli::SignalWatch signals;
  try {
    net::HttpClient http;
    cli::Context context{.paths = base::pathsFromEnvironment(),
                         .configFile = cli::configFileOf(argc, argv),
                         .stop = signals.token(),
                         .signals = &signals,
                         .http = &http};
    cli::Action action;
    auto app = cli::makeApp(context, action);
    if (const auto wrong = cli::unknownCommand(*app, argc, argv)) {
      cli::reportError({ErrorCategory::InvalidArgument,
                        "webpool knows no command '" + std::string(*wrong) + "'",
                        "webpool --help lists the commands"});
      return cli::kUsageExit;
    }
    try {
      app->parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return cli::reportParseError(*app, error);
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
