#pragma once

#include <string>

namespace webpool::cli {

/// Seconds from the start of a sound as "1:02.35", from an hour on "1:01:02.35".
std::string timeText(double seconds);

}  // namespace webpool::cli
