#include "cli/time_text.h"

#include <fmt/format.h>

#include <cstdint>

namespace webpool::cli {

std::string timeText(double seconds) {
  const auto hundredths = static_cast<std::uint64_t>(seconds * 100 + 0.5);
  const auto minutes = hundredths / 6000;
  const auto rest = fmt::format("{:02}.{:02}", hundredths / 100 % 60, hundredths % 100);
  if (minutes < 60) return fmt::format("{}:{}", minutes, rest);
  return fmt::format("{}:{:02}:{}", minutes / 60, minutes % 60, rest);
}

}  // namespace webpool::cli
