#include "cli/link_ttl.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <map>

namespace webpool::cli {
namespace {

CLI::AsNumberWithUnit units() {
  return CLI::AsNumberWithUnit(
      std::map<std::string, std::uint64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}},
      CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION");
}

CLI::Range range() {
  return CLI::Range(std::uint64_t{1}, std::uint64_t{30} * 86400);
}

}  // namespace

std::optional<std::uint64_t> parseLinkTtl(std::string text) {
  try {
    if (!units()(text).empty() || !range()(text).empty()) return std::nullopt;
  } catch (const CLI::ValidationError&) {
    return std::nullopt;
  }
  std::uint64_t seconds = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, seconds);
  return read.ec == std::errc() && read.ptr == end ? std::optional(seconds) : std::nullopt;
}

void takeLinkTtl(CLI::Option& option) {
  option.transform(units())->check(range());
}

}  // namespace webpool::cli
