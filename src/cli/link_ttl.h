// How long a link lets devices in, on the command line: "90m", "24h", "2d".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class Option;
}

namespace webpool::cli {

/// Seconds of a whole number with a unit (s, m, h, d), from a second to 30 days; nullopt for
/// anything else.
std::optional<std::uint64_t> parseLinkTtl(std::string text);

/// The option takes such a time.
void takeLinkTtl(CLI::Option& option);

}  // namespace webpool::cli
