#include "slices.h"

#include <algorithm>

namespace webpool::bench {

double medianOf(std::vector<double> values) {
  std::ranges::sort(values);
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Spread spreadOf(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax(values);
  return {medianOf(values), least, most};
}

Spread ratioOf(std::span<const double> numerators, std::span<const double> denominators) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < numerators.size(); ++i) {
    ratios.push_back(numerators[i] / denominators[i]);
  }
  return spreadOf(ratios);
}

std::vector<std::vector<double>> alternate(std::span<const Slice> slices, unsigned rounds) {
  std::vector<std::vector<double>> values(slices.size());
  for (unsigned round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const auto at = round % 2 == 0 ? i : slices.size() - 1 - i;
      values[at].push_back(slices[at]());
    }
  }
  return values;
}

}  // namespace webpool::bench
