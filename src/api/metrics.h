// Counters in the text format of Prometheus. A writer of our own: what is counted here is a few
// families with labels, which is less than linking a library and mapping its registry to ours.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace webpool::api {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// One sample of a value that is read when it is asked for.
struct Gauge {
  std::string name;
  std::string help;
  std::string type = "gauge";
  Labels labels = {};
  double value = 0;
};

/// Thread-safe.
class Metrics {
 public:
  void began();
  /// A request was answered. An unknown model is counted without its name: strangers must not make
  /// series.
  void ended(std::string_view route, int status, std::string_view model, double seconds);
  /// Called for each text(); samples of one name must follow each other.
  void read(std::function<std::vector<Gauge>()> gauges);

  std::string text() const;

 private:
  struct Histogram {
    std::vector<std::uint64_t> buckets;
    std::uint64_t count = 0;
    double sum = 0;
  };
  /// Route, status, model: looked up by views, as this is done for each request.
  using Series = std::tuple<std::string, int, std::string>;
  mutable std::mutex mutex_;
  std::int64_t inFlight_ = 0;
  std::map<Series, std::uint64_t, std::less<>> requests_;
  std::map<std::string, Histogram, std::less<>> seconds_;  ///< by route
  std::function<std::vector<Gauge>()> gauges_;
};

}  // namespace webpool::api
