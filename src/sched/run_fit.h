// The time of a run as a base, a part for each item and a part for each unit of each item's padded
// length: three numbers, none below zero, learned while runs come in.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace webpool::sched {

struct RunSize {
  double items = 1;
  double length = 0;  ///< of the longest item, to which all are padded; any unit

  friend bool operator==(const RunSize&, const RunSize&) = default;
};

/// Milliseconds; the third is for 128 units of length, so that all are of one order.
using RunTerms = std::array<double, 3>;

RunTerms termsOf(const RunSize& size) noexcept;
double timeOf(const RunTerms& coefficients, const RunSize& size) noexcept;

/// Least squares on relative errors with forgetting, in the form that keeps the sums (the normal
/// equations) and not the covariance, which would grow without end where all runs are of one size.
/// Coefficients below zero are kept out exactly: of three, every subset can be tried.
class RunFit {
 public:
  static constexpr std::size_t kNumbers = 14;
  using Numbers = std::array<double, kNumbers>;

  /// What is believed before the first run, and after how many runs it counts half.
  void setPrior(const RunTerms& coefficients, double strength);

  /// `weight` in 0..1 for a doubtful one; `keep` is what the past still weighs. `ms` above 0.
  void add(const RunSize& size, double ms, double weight, double keep);
  /// Everything takes `ratio` times as long from now on: the shape stays, the past weighs `weight`.
  void rescale(double ratio, double weight);

  /// 0 where nothing is known.
  double at(const RunSize& size) const noexcept { return timeOf(coefficients_, size); }
  const RunTerms& coefficients() const noexcept { return coefficients_; }
  /// How uncertain the fit itself is at that size, in variances of one run: 0 for well known.
  double leverage(const RunSize& size) const noexcept;
  /// The share of the time at that size, squared, that only the prior says.
  double guessed(const RunSize& size) const noexcept;
  /// The runs that it stands on.
  double weight() const noexcept { return weight_; }

  /// For keeping; what restores it must be as it was.
  Numbers numbers() const noexcept;
  /// False, and nothing changes, where the numbers can't be a fit's.
  bool restore(std::span<const double, kNumbers> numbers);

 private:
  using Matrix = std::array<double, 6>;  ///< symmetric: 00 01 02 11 12 22

  void solve();

  Matrix sums_{};
  RunTerms rightSide_{};
  RunTerms prior_{};
  double strength_ = 0;
  double weight_ = 0;
  RunTerms coefficients_{};
  Matrix inverse_{};
  RunTerms ridge_{};
};

}  // namespace webpool::sched
