// A high quantile of how runs compare with what was expected of them, from a histogram of ratios
// that forgets. Small enough for one each model and engine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace webpool::sched {

/// Ratios from 1/10 to 100, each bin 4 % wider than the one before; what lies beyond is in the
/// first or the last.
class RatioHistogram {
 public:
  /// What is no number or not above 0 changes nothing.
  void add(double ratio);

  /// The upper border of the bin below which that share lies; none before it can be told, which
  /// takes 2 / (1 - share) values.
  std::optional<double> quantile(double share) const;
  double count() const noexcept { return count_; }

 private:
  static constexpr std::size_t kBins = 176;
  /// Values after which all are halved, so that what was long ago counts less and less.
  static constexpr double kHalveAt = 4000;

  std::array<float, kBins> bins_{};
  double count_ = 0;
};

}  // namespace webpool::sched
