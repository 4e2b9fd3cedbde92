// What `webpool run` is told on its command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/generation_flags.h"
#include "cli/server_flags.h"

namespace webpool::cli {

inline constexpr unsigned kUsualTopK = 5;

struct RunFlags {
  BrowserFlags browser;
  ServerFlags server;
  std::string model;
  std::string task;
  std::string backend = "auto";
  std::string dtype;
  unsigned precision = 0;
  bool mixedPrecision = false;
  std::string component;
  unsigned context = 0;
  std::vector<std::string> arguments;  ///< texts, or sound files, by the task
  std::string language;
  bool translate = false;
  std::optional<unsigned> topK{};  ///< unset: kUsualTopK
  std::string inputs;
  std::string outputs;
  unsigned repeat = 1;
  double timeoutSeconds = 600;
  bool json = false;
  GenerationFlags generation;
};

}  // namespace webpool::cli
