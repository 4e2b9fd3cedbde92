#include "cli/generation_flags.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <limits>

namespace webpool::cli {

void GenerationFlags::addTo(CLI::App& command) {
  options_ = {
      command.add_option("--max-tokens", maxTokens, "text-generation: tokens of an answer at most")
          ->capture_default_str()
          ->check(CLI::Range(1u, 1'000'000u)),
      command
          .add_option("--temperature", temperature,
                      "text-generation: 0 takes the likeliest token, more draws")
          ->capture_default_str()
          ->check(CLI::Range(0.0, 2.0)),
      command.add_option("--seed", seed, "text-generation: the same seed draws the same answer")
          ->check(CLI::Range(std::uint32_t{0}, std::numeric_limits<std::uint32_t>::max() - 1)),
      command
          .add_option("--stop", stop, "text-generation: a text that ends the answer (repeatable)")
          ->allow_extra_args(false),
      command.add_option("--system", system, "text-generation: what the model is told first"),
      command.add_flag("--token-ids", tokenIds,
                       "text-generation: with --json, the tokens as numbers")};
}

std::string GenerationFlags::firstGiven() const {
  const auto given =
      std::ranges::find_if(options_, [](const auto* option) { return option->count() > 0; });
  return given == options_.end() ? std::string() : (*given)->get_name();
}

GenerationOptions GenerationFlags::options() const {
  return {.maxTokens = maxTokens,
          .temperature = temperature,
          .seed = seed,
          .stop = stop,
          .tokenIds = tokenIds};
}

std::vector<Message> GenerationFlags::begin(const std::string& prompt) const {
  std::vector<Message> messages;
  if (!system.empty()) messages.push_back({"system", system});
  messages.push_back({"user", prompt});
  return messages;
}

}  // namespace webpool::cli
