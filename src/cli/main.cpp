#include <poll.h>
#include <unistd.h>

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

namespace {

webpool::Error outputFailure() {
  pollfd output{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  const bool isLeft = poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
  return {webpool::ErrorCategory::Storage,
          isLeft ? "whatever read standard output has ended before it had all"
                 : "standard output can't be written",
          isLeft ? "let it read to the end" : "free space where it goes, or give another place"};
}

}  // namespace

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
      const int failed = cli::reportError(outputFailure());
      if (code == 0) code = failed;
    }
    return signals.received() != 0 && code != 0 ? 128 + signals.received() : code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "webpool: %s [internal]\n", error.what());
    return 1;
  }
}
