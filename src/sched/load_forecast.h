// Finds out whether the load repeats itself (each hour, each day), and says what it will be in a
// while. A load without a period is forecast as what it is now. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"

namespace webpool::sched {

using base::Duration;
using base::TimePoint;

struct ForecastOptions {
  Duration bucket = std::chrono::minutes(1);
  std::size_t remembered = 3 * 1440;  ///< buckets
  std::size_t shortest = 5;           ///< buckets of a period
  std::size_t cycles = 2;             ///< whole ones that must have been seen
  double similarity = 0.6;            ///< autocorrelation from which on it is a period
};

struct Forecast {
  double load = 0;
  std::optional<Duration> period{};  ///< that it was read from
};

/// Times must not go backwards. Not thread-safe.
class LoadForecast {
 public:
  explicit LoadForecast(ForecastOptions options = {});

  /// The load at that moment; a bucket's is the mean of what was told in it.
  void add(double load, TimePoint now);

  /// The most that the cycles before say of the time between now and `ahead`. Without a period, or
  /// where it would not have foretold the last cycle better than "as now", the latest load.
  Forecast most(Duration ahead) const;
  std::optional<Duration> period() const;

 private:
  void close();
  void findPeriod();
  double correlation(std::size_t lag, std::span<const double> sums) const;
  /// How far "as so many buckets before" would have been off, over the last cycle.
  double errorOf(std::size_t back, std::size_t cycle) const;
  /// What the cycles before say of that many buckets from now, as a share of what they said of now.
  double seasonal(std::size_t bucketsAhead) const;

  ForecastOptions options_;
  std::vector<double> past_;  ///< the mean of each bucket
  std::optional<TimePoint> since_;
  double sum_ = 0;
  double count_ = 0;
  double latest_ = 0;
  std::size_t period_ = 0;  ///< buckets; 0: none
  std::size_t untilSearch_ = 0;
};

}  // namespace webpool::sched
