#include "cli/byte_size.h"

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace webpool::cli {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// 1 for "", 1000 for "k" and "kb", 1024 for "ki" and "kib", …; nullopt for no unit.
std::optional<double> factorOf(std::string unit) {
  if (unit.ends_with('b')) unit.pop_back();
  double base = 1000;
  if (unit.ends_with('i')) {
    base = 1024;
    unit.pop_back();
    if (unit.empty()) return std::nullopt;
  }
  constexpr std::string_view kPrefixes = "kmgt";
  if (unit.empty()) return 1;
  const auto place = kPrefixes.find(unit);
  if (unit.size() != 1 || place == std::string_view::npos) return std::nullopt;
  return std::pow(base, static_cast<double>(place + 1));
}

}  // namespace

std::optional<std::uint64_t> parseByteSize(std::string_view text) {
  double number = 0;
  const auto read =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (read.ec != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  const auto start = text.find_first_not_of(' ');
  std::string unit;
  for (const char character : start == std::string_view::npos ? "" : text.substr(start)) {
    unit += static_cast<char>(std::tolower(static_cast<unsigned char>(character)));
  }
  const auto factor = factorOf(std::move(unit));
  if (!factor) return std::nullopt;
  const double bytes = number * *factor;
  constexpr double kLimit = 18446744073709551616.0;  // 2^64
  if (!(bytes >= 1) || bytes >= kLimit) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

void takeByteSize(CLI::Option& option) {
  option.transform(CLI::Validator(
      [](std::string& text) -> std::string {
        const auto bytes = parseByteSize(text);
        if (!bytes) return "'" + text + "' is no amount of memory: write 4GB or 1500MiB";
        if (*bytes < kMiB) return "'" + text + "' is less than 1 MiB: write 4GB or 1500MiB";
        text = std::to_string(*bytes);
        return {};
      },
      "SIZE"));
}

}  // namespace webpool::cli
