// A day of simulated calls, while the scaling machine adds and drains simulated workers.
#pragma once

#include <string>
#include <vector>

namespace webpool::bench {

/// A line for each way of scaling, as JSON. Quick: an eighth of a day.
std::vector<std::string> simulateDay(bool quick);

}  // namespace webpool::bench
