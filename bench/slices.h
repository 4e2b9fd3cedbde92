// Two things are compared by measuring them in turn, in short slices: what else the machine does
// then hits both alike. The ratio is taken slice by slice.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace webpool::bench {

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

/// Of at least one value.
double medianOf(std::vector<double> values);
Spread spreadOf(const std::vector<double>& values);

/// Slice by slice; both of one length.
Spread ratioOf(std::span<const double> numerators, std::span<const double> denominators);

/// One measurement, in whatever unit.
using Slice = std::function<double()>;

/// Runs every slice once a round, in turned order every second round, so that a machine that gets
/// slower favours none. Answers the values of each slice, one a round.
std::vector<std::vector<double>> alternate(std::span<const Slice> slices, unsigned rounds);

}  // namespace webpool::bench
