// Amounts of memory on the command line: "4GB", "1.5GiB", "900 MB".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace CLI {
class Option;
}

namespace webpool::cli {

/// Bytes of a number with a unit: B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (of 1024),
/// in any case and with the B left out. nullopt for anything else, for less than a byte, and for
/// what 64 bits don't hold.
std::optional<std::uint64_t> parseByteSize(std::string_view text);

/// The option takes such an amount, of a mebibyte at least: less is a unit that was forgotten.
void takeByteSize(CLI::Option& option);

}  // namespace webpool::cli
