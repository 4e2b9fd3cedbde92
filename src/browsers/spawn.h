// fork and exec, the parts that Launcher and BrowserFinder share.
#pragma once

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "browsers/child_process.h"
#include "webpool/error.h"

namespace webpool::browsers {

struct SpawnPlan {
  std::filesystem::path program;         ///< absolute; not searched in PATH
  std::vector<std::string> arguments;    ///< without argv[0]
  std::vector<std::string> environment;  ///< "NAME=value", all that the child gets
  std::filesystem::path folder;          ///< working directory
  int output = -1;                       ///< becomes stdout and stderr
  int channel = -1;                      ///< becomes descriptor 3; -1 for none
  int deathSignal = SIGKILL;             ///< what it gets when the calling thread ends
};

/// Starts a child that gets a signal when the calling thread ends: own session and process group,
/// no descriptor but /dev/null, the output and the channel, default signal handlers, empty mask, no
/// core dump. Returns once the program was executed; BrowserFailed with the cause when it could not
/// be.
Result<ChildProcess> spawnHere(const SpawnPlan& plan);

}  // namespace webpool::browsers
