// How a language model is to answer, as a person tells it on the command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "webpool/generation.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace webpool::cli {

struct GenerationFlags {
  unsigned maxTokens = 512;
  double temperature = 0;
  std::optional<std::uint32_t> seed;
  std::vector<std::string> stop;
  std::string system;
  bool tokenIds = false;

  void addTo(CLI::App& command);
  /// The first of them that the command line has ("--max-tokens"); empty: none.
  std::string firstGiven() const;
  GenerationOptions options() const;
  /// A conversation that begins with that prompt.
  std::vector<Message> begin(const std::string& prompt) const;

 private:
  std::vector<const CLI::Option*> options_;
};

}  // namespace webpool::cli
