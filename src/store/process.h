// Runs another program to its end: argv without a shell, output captured, never left behind.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "webpool/error.h"

namespace webpool::store {

struct ProcessSpec {
  std::vector<std::string> argv;  ///< argv[0] is looked for on PATH
  std::filesystem::path folder;   ///< working directory
  base::Duration timeout = std::chrono::minutes(10);
  std::stop_token stop;
  std::function<void()> tick;  ///< called about twice a second while it runs; may be empty
  /// "NAME=value", beside our own environment and before it.
  std::vector<std::string> environment{};
};

struct ProcessResult {
  int exitCode = 0;    ///< 128 + signal when a signal ended it
  std::string output;  ///< the last 16 KiB of stdout
  std::string errors;  ///< and of stderr
};

/// Blocks. NotFound when argv[0] is not on PATH, Timeout, Cancelled; a program that fails is a
/// ProcessResult. On Timeout, Cancelled and the death of this process the program is ended, with
/// the processes of its group.
Result<ProcessResult> runProcess(const ProcessSpec& spec);

}  // namespace webpool::store
