// Notices that runs take longer, or less long, than they did: a cumulative sum (CUSUM: Page 1954)
// of how far each run is from what was expected of it.
#pragma once

#include <array>
#include <optional>
#include <span>

namespace webpool::sched {

struct DriftOptions {
  double slack = 0.75;  ///< standard deviations that a run may be off without adding to the sum
  double limit = 10;    ///< the sum at which it is a drift
  double largest = 3;   ///< a single run adds no more
  double least = 0.15;  ///< changes below this share are none
};

class DriftWatch {
 public:
  static constexpr std::size_t kNumbers = 6;
  using Numbers = std::array<double, kNumbers>;

  explicit DriftWatch(DriftOptions options = {}) : options_(options) {}

  /// `logRatio`: of the measured to the expected; `spread`: its usual standard deviation, above 0.
  /// Answers by what all has changed, once, and starts anew.
  std::optional<double> add(double logRatio, double spread);
  void reset();

  Numbers numbers() const noexcept;
  void restore(std::span<const double, kNumbers> numbers);

 private:
  struct Side {
    double sum = 0;    ///< in standard deviations, 0 where nothing is suspected
    double total = 0;  ///< of the log ratios since then
    double count = 0;
  };

  std::optional<double> follow(Side& side, double excess, double logRatio) const;

  DriftOptions options_;
  Side slower_;
  Side faster_;
};

}  // namespace webpool::sched
