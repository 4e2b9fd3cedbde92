// How a language model is to answer, as a person tells it on the command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "webpool/generation.h"

namespace CLI {
class App;
}

namespace webpool::cli {

struct GenerationFlags {
  unsigned maxTokens = 512;
  double temperature = 0;
  std::optional<std::uint32_t> seed;
  std::vector<std::string> stop;
  std::string system;
  bool tokenIds = false;

  void addTo(CLI::App& command);
  GenerationOptions options() const;
  /// A conversation that begins with that prompt.
  std::vector<Message> begin(const std::string& prompt) const;
};

}  // namespace webpool::cli
